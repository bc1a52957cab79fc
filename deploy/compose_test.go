package deploy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composed is as much of a compose file as is run here. It is read as Compose's
// own loader left it (deploy/check).
type composed struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		Deploy      struct{ Replicas int }
		Profiles    []string
	}
}

// composeServices returns our own services by name, and how many of each.
func composeServices(t *testing.T) (services map[string]service, replicas map[string]int) {
	t.Helper()
	var c composed
	if err := yaml.Unmarshal(file(t, "check/testdata/compose.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	services, replicas = map[string]service{}, map[string]int{}
	for name, s := range c.Services {
		if strings.HasPrefix(s.Image, "bellhop") {
			services[name] = service{name: name, args: s.Command, env: s.Environment}
			replicas[name] = max(1, s.Deploy.Replicas)
		}
	}
	return services, replicas
}

// TestComposeJourney runs the processes of deploy/compose with their own commands
// and settings, behind its proxy, and upgrades each in turn while orders come. Each
// webhook reaches a bellhop, which answers it 200, unless this machine is so busy
// that RabbitMQ takes longer than a second; each order is recorded once and pushed once.
func TestComposeJourney(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.withRabbitMQ()
	p := startProxy(t)
	services, replicas := composeServices(t)
	if got, want := slices.Sorted(maps.Keys(services)), []string{"bellhop", "migrate", "notify", "record", "serve-a",
		"serve-b"}; !slices.Equal(got, want) {
		t.Fatalf("services are %q", got)
	}
	s.once(services["migrate"])
	s.addShops(20)
	var all []*running
	for _, name := range []string{"serve-a", "serve-b", "record", "notify"} {
		for range replicas[name] {
			all = append(all, s.start(services[name]))
		}
	}
	p.set("serve-a", all[0].host)
	p.set("serve-b", all[1].host)
	p.untilReady(t, 2)
	sent := &sender{RoundTripper: p.client.Transport}
	ledger := s.deliver(p.url, sent, func() { upgrade(s, p, services["migrate"], all) })
	t.Logf("%d webhooks were answered 200, %d found the broker too slow", sent.taken, sent.busy)
	for _, f := range sent.failed {
		t.Errorf("a webhook met no bellhop: %s", f)
	}
	s.compare(s.queue(services["record"]), ledger)
}

// upgrade migrates, and then takes one process after the other.
func upgrade(s *stage, p *proxy, migrate service, all []*running) {
	s.t.Helper()
	s.once(migrate)
	for _, r := range all {
		r.replace()
		p.untilReady(s.t, 2)
	}
}
