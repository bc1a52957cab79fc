package check

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

const composeDir = root + "/deploy/compose"

// loadCompose loads compose.yaml as docker compose does, with all profiles. What
// it only warns of, such as a variable without a value, is an error here.
func loadCompose(t *testing.T, text []byte, env map[string]string) (*types.Project, error) {
	t.Helper()
	var warned bytes.Buffer
	logrus.SetOutput(&warned)
	defer logrus.SetOutput(os.Stderr)
	dir, err := filepath.Abs(composeDir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml"), Content: text}},
		Environment: env,
	}, loader.WithProfiles([]string{"*"}))
	if err == nil && warned.Len() > 0 {
		err = fmt.Errorf("it warns: %s", warned.String())
	}
	return p, err
}

// exampleEnv returns .env.example with its empty settings filled in.
func exampleEnv(t *testing.T) (env map[string]string, required []string) {
	t.Helper()
	env = map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(read(t, composeDir+"/.env.example")))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if value != "" {
			t.Errorf("%s has a value in .env.example: one that works would be used", name)
		}
		required = append(required, name)
		env[name] = "EXAMPLE_" + name
	}
	env["EVENTS_EXCHANGE"] = "bellhop.events" // may be left out
	return env, required
}

func project(t *testing.T) *types.Project {
	t.Helper()
	env, _ := exampleEnv(t)
	p, err := loadCompose(t, read(t, composeDir+"/compose.yaml"), env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	p := project(t)
	text, err := p.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "compose.yaml", bytes.ReplaceAll(text, []byte(here), []byte("/checkout")))
}

func TestComposeWantsSecrets(t *testing.T) {
	text := read(t, composeDir+"/compose.yaml")
	_, required := exampleEnv(t)
	if len(required) != 4 {
		t.Errorf("required are %q", required)
	}
	for _, name := range required {
		for _, given := range []bool{false, true} {
			env, _ := exampleEnv(t)
			if delete(env, name); given {
				env[name] = ""
			}
			if _, err := loadCompose(t, text, env); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("without %s (given, but empty: %v): %v", name, given, err)
			}
		}
	}
}

func TestComposeRefusesMisspelt(t *testing.T) {
	env, _ := exampleEnv(t)
	text := read(t, composeDir+"/compose.yaml")
	for was, becomes := range map[string]string{"read_only:": "readonly:", "${IMAGE:-bellhop:local}": "${IMAGE}",
		"networks: [back]": "networks: [bakc]"} {
		wrong := bytes.Replace(text, []byte(was), []byte(becomes), 1)
		if bytes.Equal(wrong, text) {
			t.Fatalf("there is no %s", was)
		}
		if _, err := loadCompose(t, wrong, env); err == nil {
			t.Errorf("%s passes", becomes)
		}
	}
}

// TestComposeKeepsApart holds the services against what README.md says of them.
func TestComposeKeepsApart(t *testing.T) {
	p := project(t)
	want := map[string]int{"proxy": 1, "serve-a": 1, "serve-b": 1, "record": 2, "notify": 2, "migrate": 1, "bellhop": 1,
		"postgres": 1, "rabbitmq": 1}
	if got := slices.Sorted(maps.Keys(p.Services)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("services are %q", got)
	}
	for name, s := range p.Services {
		if s.GetScale() != want[name] {
			t.Errorf("there are %d %s", s.GetScale(), name)
		}
		if published := len(s.Ports) > 0; published != (name == "proxy") {
			t.Errorf("%s is published: %v", name, published)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 {
			t.Errorf("%s may take all memory", name)
		}
		if !slices.ContainsFunc(s.SecurityOpt,
			func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
			t.Errorf("%s may gain privileges", name)
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < 30*time.Second {
			t.Errorf("%s is killed before it has drained", name)
		}
		ours := strings.HasPrefix(s.Image, "bellhop")
		if ours && (!s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"})) {
			t.Errorf("%s is not confined", name)
		}
		if tag := s.Image[strings.LastIndex(s.Image, ":")+1:]; tag == "latest" || !strings.Contains(s.Image, ":") {
			t.Errorf("%s runs whatever %s is today", name, s.Image)
		}
		_, outside := s.Networks["world"]
		if expected := !slices.Contains([]string{"record", "migrate", "postgres", "rabbitmq"}, name); outside != expected {
			t.Errorf("%s reaches the world: %v", name, outside)
		}
	}
	for _, name := range []string{"front", "back"} {
		if !p.Networks[name].Internal {
			t.Errorf("%s is open to the world", name)
		}
	}
}

// TestComposeStartsInOrder wants each of ours to begin after the migration, and
// that after both servers answer.
func TestComposeStartsInOrder(t *testing.T) {
	p := project(t)
	for name, s := range p.Services {
		if !strings.HasPrefix(s.Image, "bellhop") {
			continue
		}
		if name == "migrate" {
			for _, server := range []string{"postgres", "rabbitmq"} {
				if s.DependsOn[server].Condition != types.ServiceConditionHealthy ||
					p.Services[server].HealthCheck == nil {
					t.Errorf("migrate does not wait for %s", server)
				}
			}
			continue
		}
		if s.DependsOn["migrate"].Condition != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s does not wait for migrate", name)
		}
	}
}

// TestSecretsGoWhereTheyAreNeeded wants each process to hold only the secrets that it uses: notify those for Shopify
// only where shops can be connected, and record the key, by which it recognises whom shops have to forget.
func TestSecretsGoWhereTheyAreNeeded(t *testing.T) {
	for _, clientID := range []string{"", "0123456789abcdef"} {
		env, _ := exampleEnv(t)
		env["SHOPIFY_CLIENT_ID"] = clientID
		p, err := loadCompose(t, read(t, composeDir+"/compose.yaml"), env)
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range p.Services {
			forShopify := strings.HasPrefix(name, "serve-") || name == "bellhop" || name == "notify" && clientID != ""
			for _, secret := range []string{"BELLHOP_SHOPIFY_SECRET", "BELLHOP_KEY"} {
				wants := forShopify || secret == "BELLHOP_KEY" && name == "record"
				if v := s.Environment[secret]; (v != nil && *v != "") != wants {
					t.Errorf("with the client id %q %s knows %s: %v", clientID, name, secret, !wants)
				}
			}
			fcm := slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == "fcm" })
			if want := name == "notify" || name == "bellhop"; fcm != want {
				t.Errorf("%s has the key to the phones: %v", name, fcm)
			}
		}
	}
}
