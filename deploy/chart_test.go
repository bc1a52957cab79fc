package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifest is as much of a Deployment or a Job as is run here. It is read as Helm
// rendered it (deploy/check).
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Spec struct{ Containers []container }
		}
	}
}

type container struct {
	Args []string
	Env  []struct {
		Name, Value string
		ValueFrom   struct {
			SecretKeyRef     struct{ Key string }
			ResourceFieldRef struct{ Resource string }
		} `yaml:"valueFrom"`
	}
}

// chartServices returns the chart's processes by their component.
func chartServices(t *testing.T, golden string) map[string]service {
	t.Helper()
	found := map[string]service{}
	d := yaml.NewDecoder(bytes.NewReader(file(t, "check/testdata/"+golden)))
	for {
		var m manifest
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == "Deployment" || m.Kind == "Job" {
			c := m.Spec.Template.Spec.Containers[0]
			name := strings.TrimPrefix(m.Metadata.Name, "shop-bellhop-")
			found[name] = service{name: name, args: c.Args, env: c.environ()}
		}
	}
}

// environ is what the container would see.
func (c container) environ() map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		switch {
		case e.ValueFrom.SecretKeyRef.Key != "":
			env[e.Name] = "of-" + e.ValueFrom.SecretKeyRef.Key
		case e.ValueFrom.ResourceFieldRef.Resource == "limits.memory":
			env[e.Name] = "536870912"
		default:
			env[e.Name] = os.Expand(strings.NewReplacer("$(", "${", ")", "}").Replace(e.Value),
				func(name string) string { return env[name] })
		}
	}
	return env
}

// TestChartJourney runs the processes that the chart describes with their own
// commands and settings, on each queue that needs no more than this machine.
func TestChartJourney(t *testing.T) {
	for name, golden := range map[string]string{"RabbitMQ": "chart-minimal.yaml", "Postgres": "chart-postgres.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if name == "RabbitMQ" {
				s.withRabbitMQ()
			}
			services := chartServices(t, golden)
			if len(services) != 4 {
				t.Fatalf("services are %v", services)
			}
			s.once(services["migrate"])
			s.addShops(5)
			var all []*running
			for _, name := range []string{"serve", "record", "notify"} {
				all = append(all, s.start(services[name]))
			}
			ledger := s.deliver("http://"+onHost(":8080", all[0].host), http.DefaultTransport, func() {
				all[1].replace()
				all[2].replace()
			})
			s.compare(s.queue(services["record"]), ledger)
		})
	}
}
