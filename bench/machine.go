package bench

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what was measured on.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Memory int64   `json:"memory_bytes,omitempty"`
	OS     string  `json:"os"`
	Kernel string  `json:"kernel,omitempty"`
	Go     string  `json:"go"`
	Load   float64 `json:"load_before"` // the load average of the last minute, before the run
	Busy   bool    `json:"busy"`        // others used enough of the machine to be felt
}

// busyShare is the load average, as a share of the cores, above which a machine
// counts as busy.
const busyShare = 0.25

// ThisMachine looks at where it runs. What can't be known stays empty.
func ThisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), OS: runtime.GOOS, Go: runtime.Version()}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(info) {
			if name, value, _ := strings.Cut(string(line), ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		if kb, err := procField(info, "MemTotal:"); err == nil {
			m.Memory = kb << 10
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(load), " ")
		m.Load, _ = strconv.ParseFloat(first, 64) // 0 where it is not a number
	}
	m.Busy = m.Load > busyShare*float64(m.Cores)
	return m
}
