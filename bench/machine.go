package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"bellhop/internal/results"
)

// ThisMachine describes the machine it runs on. Unknown facts stay empty.
func ThisMachine() results.Machine {
	m := results.Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), OS: runtime.GOOS, Go: runtime.Version()}
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
	return m
}

// otherLoad watches how much of the machine others use.
type otherLoad struct {
	began     time.Time
	all, ours time.Duration
}

func watchOthers() otherLoad {
	all, _ := machineCPU() // where it can't be known, others counts as none
	return otherLoad{began: time.Now(), all: all, ours: ownCPU()}
}

// others returns the share of all cores that others have used so far. Ask once our
// children have ended.
func (o *otherLoad) others(cores int) float64 {
	all, err := machineCPU()
	if err != nil {
		return 0
	}
	theirs := (all - o.all) - (ownCPU() - o.ours)
	return max(0, float64(theirs)/float64(time.Since(o.began))/float64(cores))
}

// machineCPU is the time that all processors have worked since the machine was
// started.
func machineCPU() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line)) // cpu user nice system idle iowait irq softirq steal …
	if len(fields) < 8 {
		return 0, fmt.Errorf("read /proc/stat: it begins with %d fields", len(fields))
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
