package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const unitsDir = root + "/deploy/systemd"

// The units as they would be enabled.
var units = []string{"bellhop.service", "bellhop-migrate.service", "bellhop-serve@8081.service",
	"bellhop-worker@record.service", "bellhop-worker@notify.service"}

// exposure is the most that a unit may be exposed by systemd's own measure, in
// tenths: 0 is not at all, 100 is as root with all rights. The rest is the
// network, which it needs.
const exposure = "15"

// machine is a tree as it is after docs/deploy.md, with change applied to a unit.
func machine(t *testing.T, change func(unit, text string) string) string {
	t.Helper()
	dir := t.TempDir()
	etc, bin := filepath.Join(dir, "etc/systemd/system"), filepath.Join(dir, "usr/local/bin")
	for _, d := range []string{etc, bin} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(bin, "bellhop"), "#!/bin/sh\n", 0o755)
	for _, target := range []string{"network-online.target", "multi-user.target", "sysinit.target", "basic.target",
		"shutdown.target"} {
		write(t, filepath.Join(etc, target), "[Unit]\nDescription="+target+"\n", 0o644)
	}
	err := filepath.WalkDir(unitsDir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".service", ".d"}, filepath.Ext(filepath.Dir(name))) &&
			filepath.Ext(name) != ".service" {
			return err
		}
		rel, err := filepath.Rel(unitsDir, name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(etc, filepath.Dir(rel)), 0o755); err != nil {
			return err
		}
		write(t, filepath.Join(etc, rel), change(rel, string(read(t, name))), 0o644)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func same(_, text string) string { return text }

// analyze runs systemd-analyze on a tree. Whatever it says is an error: it only
// warns of settings that it does not know.
func analyze(t *testing.T, verb, dir string, args ...string) error {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("systemd-analyze is for Linux")
	}
	cmd := exec.Command("systemd-analyze", append([]string{verb, "--root=" + dir, "--no-pager"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w (make test installs it where it is missing): %s", err, out)
	}
	if verb == "verify" && len(out) > 0 {
		return fmt.Errorf("it says %s", out)
	}
	return nil
}

func TestUnits(t *testing.T) {
	dir := machine(t, same)
	if err := analyze(t, "verify", dir, append([]string{"--man=no", "--recursive-errors=yes"},
		units...)...); err != nil {
		t.Error(err)
	}
	for _, unit := range units {
		if err := analyze(t, "security", dir, "--offline=true", "--threshold="+exposure, unit); err != nil {
			t.Errorf("%s: %v", unit, err)
		}
	}
}

// TestUnitMistakesAreSeen shows that the check above finds mistakes.
func TestUnitMistakesAreSeen(t *testing.T) {
	for was, becomes := range map[string]string{
		"TimeoutStopSec=40s":       "TimeoutStopSeconds=40s",
		"/usr/local/bin/bellhop":   "/usr/local/bin/bellhopp",
		"ProtectSystem=strict":     "ProtectSystem=everything",
		"Environment=BELLHOP_PUSH": "Enviroment=BELLHOP_PUSH",
	} {
		found := false
		dir := machine(t, func(_, text string) string {
			found = found || strings.Contains(text, was)
			return strings.ReplaceAll(text, was, becomes)
		})
		if !found {
			t.Errorf("no unit says %s", was)
		}
		if err := analyze(t, "verify", dir, append([]string{"--man=no"}, units...)...); err == nil {
			t.Errorf("%s passes", becomes)
		}
	}
	open := machine(t, func(_, text string) string { return strings.ReplaceAll(text, "SystemCallFilter", "# ") })
	if err := analyze(t, "security", open, "--offline=true", "--threshold="+exposure, units[0]); err == nil {
		t.Error("a unit that may make all system calls passes")
	}
}

// TestUnitsAreAlike holds the part that all units share against each other, and
// that each of them drains before it is killed.
func TestUnitsAreAlike(t *testing.T) {
	names, err := filepath.Glob(unitsDir + "/*.service")
	if err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	shared := ""
	for _, name := range names {
		text := string(read(t, name))
		_, hardening, ok := strings.Cut(text, "# From here on the same in every unit.\n")
		if hardening, _, _ = strings.Cut(hardening, "\n\n"); !ok ||
			shared != "" && strings.TrimSpace(hardening) != shared {
			t.Errorf("%s is hardened otherwise than the others", name)
		}
		shared = strings.TrimSpace(hardening)
		if long := strings.Contains(text, "TimeoutStopSec=40s"); !long && !strings.Contains(text, "Type=oneshot") {
			t.Errorf("%s is killed before it has drained", name)
		}
	}
}
