package deploy_test

import (
	"bufio"
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unit returns the process that systemd would make of a unit's instance, on a machine
// that is as docs/deploy.md leaves it: its command, and its environment from the unit,
// its drop-in and the files that they name.
func unit(t *testing.T, name, instance string) service {
	t.Helper()
	m := installed(t)
	v := service{name: name + instance, env: map[string]string{}}
	units := filepath.Join(m.root, "etc/systemd/system")
	text := file(t, filepath.Join(units, name+".service"))
	if dropIns, err := filepath.Glob(units + "/" + name + instance + ".service.d/*.conf"); err == nil {
		for _, d := range dropIns {
			text = append(append(text, '\n'), file(t, d)...)
		}
	}
	credentials := "/run/credentials/" + v.name + ".service/"
	var loaded []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.NewReplacer("%i", instance, "%S", "/var/lib", "%d/", credentials).Replace(value)
		switch key {
		case "ExecStart", "ExecStartPre":
			words := strings.Fields(value)
			if words[0] != "/usr/local/bin/bellhop" {
				t.Errorf("%s starts %s", v.name, words[0])
			}
			if key == "ExecStart" {
				v.args = words[1:]
			} else {
				v.before = words[1:]
			}
		default:
			loaded = append(loaded, m.setting(t, v.env, key, value, credentials))
		}
	}
	readable(t, v, loaded)
	return v
}

// setting adds what a line of a unit, or a property given to systemd-run, has to do
// with the environment, and returns the credential that it loads, if it does.
func (m *machine) setting(t *testing.T, env map[string]string, key, value, credentials string) (loaded string) {
	t.Helper()
	switch key {
	case "Environment":
		name, value, _ := strings.Cut(value, "=")
		env[name] = value
	case "EnvironmentFile":
		maps.Copy(env, m.environmentFile(t, value))
	case "LoadCredential":
		name, path, _ := strings.Cut(value, ":")
		m.ofRoot(t, path)
		return credentials + name
	}
	return ""
}

// readable checks that a unit names the push service's key, and that the units' user can read it:
// the key comes only as a credential.
func readable(t *testing.T, v service, loaded []string) {
	t.Helper()
	if path, fcm := strings.CutPrefix(v.env["BELLHOP_PUSH"], "fcm:"); fcm && !slices.Contains(loaded, path) {
		t.Errorf("%s can't read %s: it is no credential that it loads", v.name, path)
	}
}

func (m *machine) environmentFile(t *testing.T, name string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(m.ofRoot(t, name))); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	return env
}

// command returns what the n-th as_bellhop of docs/deploy.md runs: its properties, and
// then its commands in their order.
func (m *machine) command(t *testing.T, n int) (v service, commands [][]string) {
	t.Helper()
	text := m.blocks[n+1]
	v = service{name: "bellhop-command", env: map[string]string{}}
	var loaded []string
	for _, property := range regexp.MustCompile(`-p (\w+)=(\S+)`).FindAllStringSubmatch(text, -1) {
		loaded = append(loaded,
			m.setting(t, v.env, property[1], property[2], "/run/credentials/bellhop-command.service/"))
	}
	readable(t, v, loaded)
	for _, line := range regexp.MustCompile(`(?m)^as_bellhop (.+)$`).FindAllStringSubmatch(text, -1) {
		commands = append(commands, strings.Fields(line[1]))
	}
	if len(commands) == 0 {
		t.Errorf("the document runs no command:\n%s", text)
	}
	return v, commands
}

// runCommands runs them where v's settings lead on the stage.
func (s *stage) runCommands(v service, commands [][]string) {
	s.t.Helper()
	for _, v.args = range commands {
		s.once(v)
	}
}

// TestUnitsJourney runs the processes of deploy/systemd with their own commands and
// settings.
func TestUnitsJourney(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.withRabbitMQ()
	s.confined = true
	s.once(unit(t, "bellhop-migrate", ""))
	s.addShops(5)
	serve := s.start(unit(t, "bellhop-serve@", "8081"))
	record := s.start(unit(t, "bellhop-worker@", "record"))
	s.start(unit(t, "bellhop-worker@", "notify"))
	s.runCommands(installed(t).command(t, 1))
	ledger := s.deliver("http://"+onHost(":8081", serve.host), http.DefaultTransport, record.replace)
	s.compare(s.queue(record.service), ledger)
}

// TestAllInOneUnit runs bellhop.service over its SQLite file.
func TestAllInOneUnit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.confined = true
	v := unit(t, "bellhop", "")
	if v.env["BELLHOP_DIR"] != "/var/lib/bellhop" {
		t.Errorf("BELLHOP_DIR is %q", v.env["BELLHOP_DIR"])
	}
	v.env["BELLHOP_DIR"] = t.TempDir()
	v.env["BELLHOP_ADDR"] = ":8080" // its default, on a host of its own
	serve := s.start(v)
	s.db = &url.URL{Scheme: "sqlite", Opaque: filepath.Join(v.env["BELLHOP_DIR"], "bellhop.db")}
	s.addShops(5)
	as, commands := installed(t).command(t, 0)
	as.env["BELLHOP_DIR"] = v.env["BELLHOP_DIR"]
	s.runCommands(as, commands)
	ledger := s.deliver("http://"+onHost(":8080", serve.host), http.DefaultTransport, func() {})
	s.compare(s.db.String(), ledger)
}
