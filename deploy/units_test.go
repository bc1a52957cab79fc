package deploy_test

import (
	"bufio"
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"bellhop"
)

// unit returns the process that systemd would make of a unit's instance: its
// command, and its environment from the unit, its drop-in and the files of
// systemd/etc.
func unit(t *testing.T, name, instance string) service {
	t.Helper()
	v := service{name: name + instance, env: map[string]string{}}
	text := file(t, "systemd/"+name+".service")
	if dropIns, err := filepath.Glob("systemd/" + name + instance + ".service.d/*.conf"); err == nil {
		for _, d := range dropIns {
			text = append(append(text, '\n'), file(t, d)...)
		}
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.NewReplacer("%i", instance, "%S", "/var/lib", "%d", "/run/credentials").Replace(value)
		switch key {
		case "ExecStart":
			words := strings.Fields(value)
			if words[0] != "/usr/local/bin/bellhop" {
				t.Errorf("%s starts %s", v.name, words[0])
			}
			v.args = words[1:]
		case "Environment":
			name, value, _ := strings.Cut(value, "=")
			v.env[name] = value
		case "EnvironmentFile":
			maps.Copy(v.env, environmentFile(t, value))
		}
	}
	return v
}

func environmentFile(t *testing.T, name string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(file(t, "systemd/etc/"+filepath.Base(name)))); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	return env
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
	ledger := s.deliver("http://"+onHost(":8080", serve.host), http.DefaultTransport, func() {})
	parts := s.open(s.db.String())
	defer parts.Close()
	s.settle(parts)
	totals, err := parts.Store.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sum := ledger.Summary(); totals[bellhop.OutcomeRecorded] == 0 || sum.Acknowledged == 0 {
		t.Errorf("recorded %v of %d acknowledged", totals, sum.Acknowledged)
	}
}
