package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usage is a process's use so far, as Linux counts it. On other systems the results
// leave it out.
type usage struct {
	Written int64         // bytes that went to the disk
	CPU     time.Duration // in user and in kernel mode
}

// clockTick is the unit of the times in /proc; it is this on every Linux that
// Go runs on.
const clockTick = 10 * time.Millisecond

func usageOf(pid int) (u usage, err error) {
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return u, err
	}
	if u.Written, err = procField(io, "write_bytes:"); err != nil {
		return u, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The name, in brackets, may hold spaces; the times are fields 14 and 15.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return u, fmt.Errorf("read /proc/%d/stat: it has only %d fields", pid, len(fields))
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return u, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	u.CPU = time.Duration(user+system) * clockTick
	return u, err
}

// resident is the memory that a process has in use now, and the most that it
// had, in bytes.
func resident(pid int) (now, most int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = procField(status, "VmRSS:"); err != nil {
		return 0, 0, err
	}
	most, err = procField(status, "VmHWM:")
	return now << 10, most << 10, err
}

// procField reads the number after a name at the beginning of a line.
func procField(text []byte, name string) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		if fields := bytes.Fields(rest); len(fields) > 0 {
			return strconv.ParseInt(string(fields[0]), 10, 64)
		}
	}
	return 0, fmt.Errorf("there is no %s in /proc", name)
}
