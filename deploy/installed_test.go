package deploy_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"bellhop/internal/realserver"
)

// machine is the file system of a machine on which somebody followed the part on
// systemd in docs/deploy.md to the letter.
type machine struct {
	root   string
	blocks []string // to type: the installation, one process, services
	proxy  string   // to change in the proxy's configuration
}

// theMachine is one for all tests.
var theMachine = sync.OnceValues(func() (*machine, error) {
	text, err := os.ReadFile("../docs/deploy.md")
	if err != nil {
		return nil, err
	}
	_, section, _ := strings.Cut(string(text), "\n## systemd\n")
	section, _, _ = strings.Cut(section, "\n## ")
	m := &machine{root: filepath.Join(built, "root")}
	for _, b := range regexp.MustCompile("(?s)```\n(.*?)```").FindAllStringSubmatch(section, -1) {
		m.blocks = append(m.blocks, b[1])
	}
	if m.proxy = regexp.MustCompile(`(?s)For the proxy take.*?\n\n`).FindString(section); m.proxy == "" {
		return nil, errors.New("docs/deploy.md says nothing of a proxy for systemd")
	}
	if len(m.blocks) != 3 {
		return nil, fmt.Errorf("docs/deploy.md has %d blocks on systemd, not 3", len(m.blocks))
	}
	return m, m.install()
})

// absolute is a path that a command names from the root on.
var absolute = regexp.MustCompile(` /`)

// install runs those commands of the first block that put files somewhere; what the
// others do takes systemd, root or a minute.
func (m *machine) install() error {
	checkout := filepath.Join(built, "checkout")
	errs := []error{os.MkdirAll(filepath.Join(checkout, "bin"), 0o755)}
	for _, dir := range []string{"usr/local/bin", "usr/lib/sysusers.d", "etc/systemd/system"} { // they are there
		errs = append(errs, os.MkdirAll(filepath.Join(m.root, dir), 0o755))
	}
	for _, name := range []string{"bin/bellhop", "service-account.json"} {
		errs = append(errs, os.WriteFile(filepath.Join(checkout, name), nil, 0o600))
	}
	deploy, err := filepath.Abs(".")
	errs = append(errs, err, os.Symlink(deploy, filepath.Join(checkout, "deploy")))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, line := range strings.Split(m.blocks[0], "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, command := range strings.Split(line, "&&") {
			command = strings.TrimSpace(command)
			if !strings.HasPrefix(command, "install ") && !strings.HasPrefix(command, "cp ") {
				continue
			}
			sh := exec.Command("sh", "-c", absolute.ReplaceAllString(command, " "+m.root+"/"))
			sh.Dir = checkout
			if out, err := sh.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", command, err, out)
			}
		}
	}
	return nil
}

func installed(t *testing.T) *machine {
	t.Helper()
	m, err := theMachine()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ofRoot reads a file that systemd reads, and that nobody but root may.
func (m *machine) ofRoot(t *testing.T, path string) []byte {
	t.Helper()
	name := filepath.Join(m.root, path)
	if info, err := os.Stat(name); err != nil {
		t.Errorf("the document installs no %s", path)
		return nil
	} else if info.Mode().Perm() != 0o600 {
		t.Errorf("%s is installed with mode %v", path, info.Mode().Perm())
	}
	return file(t, name)
}

// TestDocumentStartsUnits checks that what the document starts is what it installs.
func TestDocumentStartsUnits(t *testing.T) {
	m := installed(t)
	for _, block := range m.blocks[1:] {
		started := 0
		starts := regexp.MustCompile(`(?m)^systemctl (?:start|enable --now) (.+)$`)
		for _, line := range starts.FindAllStringSubmatch(block, -1) {
			for _, name := range strings.Fields(line[1]) {
				template, instance, isInstance := strings.Cut(name, "@")
				if isInstance {
					template += "@"
				}
				if v := unit(t, template, instance); len(v.args) == 0 {
					t.Errorf("%s starts nothing", name)
				}
				started++
			}
		}
		if started == 0 {
			t.Errorf("this starts nothing:\n%s", block)
		}
	}
}

// TestDocumentProxy changes the proxy's configuration as the document says, and asks
// HAProxy what it thinks of that.
func TestDocumentProxy(t *testing.T) {
	m := installed(t)
	config := string(file(t, "compose/haproxy.cfg"))
	changed := func(what, pattern, by string) {
		t.Helper()
		after := regexp.MustCompile(pattern).ReplaceAllLiteralString(config, by)
		if after == config {
			t.Errorf("there is no %s to change", what)
		}
		config = after
	}
	servers := regexp.MustCompile("`(server ([ab]) 127.0.0.1:[0-9]+)`").FindAllStringSubmatch(m.proxy, -1)
	if len(servers) != 2 {
		t.Fatalf("the document names %d servers: %s", len(servers), m.proxy)
	}
	for _, s := range servers {
		changed("server-template "+s[2], `server-template `+s[2]+` .*`, s[1])
	}
	changed("section", `(?s)\nresolvers docker\n.*?\n\n`, "\n")
	changed("words", ` resolvers docker init-addr none`, "")
	cert := realserver.NewCertificate(t)
	pem := filepath.Join(t.TempDir(), "tls.pem")
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := errors.Join(os.WriteFile(pem, append(file(t, cert.Cert), file(t, cert.Key)...), 0o600),
		os.WriteFile(path, []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, setting := range regexp.MustCompile("`([A-Z]+)=(\\S+)`").FindAllStringSubmatch(m.proxy, -1) {
		if !strings.Contains(config, "${"+setting[1]+"-") {
			t.Errorf("nothing takes %s", setting[1])
		}
		env = append(env, setting[1]+"="+strings.ReplaceAll(setting[2], "/etc/haproxy/tls.pem", pem))
	}
	realserver.Need(t, realserver.CheckHAProxy(t.Context(), path, env...))
}
