package aws_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// accountStub goes before the stub of the aws command: a stack that is deployed is there until it is
// deleted, it keeps its parameters, it has the outputs in the folder "outputs", and the function migrate
// adds its shops.
const accountStub = `#!/bin/sh
here=$(dirname "$0")
answer=$("$here/stub" "$@") || exit
case "$*" in
"cloudformation deploy"*)
	echo UPDATE_COMPLETE >"$here/stack"
	for word; do
		case $word in [A-Z]*=*)
			grep -v "^${word%%=*}	" "$here/parameters" >"$here/parameters.new"
			printf '%s\t%s\n' "${word%%=*}" "${word#*=}" >>"$here/parameters.new"
			mv "$here/parameters.new" "$here/parameters" ;;
		esac
	done ;;
"cloudformation delete-stack"*)
	: >"$here/stack"
	[ ! -e "$here/leaves" ] || cp "$here/leaves" "$here/queues" ;;
"lambda invoke"*)
	for shop in $(tr -cs 'a-z0-9.-' '\n' <"$here/sent-payload" | grep myshopify); do
		as-bellhop shop add "$shop" --secret-file "$here/sent-secret" >/dev/null 2>&1 || true # it may be there
	done ;;
*"OutputKey=='"*)
	key=$(echo "$*" | sed "s/.*OutputKey=='\([A-Za-z]*\)'.*/\1/")
	[ ! -e "$here/outputs/$key" ] || answer=$(cat "$here/outputs/$key") ;;
esac
[ -z "$answer" ] || printf '%s\n' "$answer"
`

// stubBellhop is bellhop, with no time to lose between orders.
const stubBellhop = `#!/bin/sh
unset BELLHOP_BOOTSTRAP BELLHOP_SERVER
for word; do
	shift
	case $word in [0-9]*/s) word=60/s ;; esac
	set -- "$@" "$word"
done
exec PROGRAM "$@"
`

// stubSSH runs the command here that it was given for the machine.
const stubSSH = `#!/bin/sh
echo "ssh $*" >>"$(dirname "$0")/log"
while [ "${1#ec2-user@}" = "$1" ]; do shift; done
shift
exec "$@"
`

// account is an account of AWS with a server of bellhop that stands in for all that a stack has: it takes
// webhooks in, records them, and has the API.
type account struct {
	scripts
	front *httptest.Server
	// swallows counts webhooks down: one at 0 is answered, and lost.
	swallows atomic.Int64
}

func newAccount(t *testing.T) *account {
	t.Helper()
	program, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	a := &account{scripts: copyScripts(t)}
	a.repository()
	at := "sqlite:" + filepath.Join(a.dir, "bellhop.db")
	env := []string{"PATH=" + os.Getenv("PATH"), "BELLHOP_DIR=" + a.dir, "BELLHOP_DB=" + at, "BELLHOP_QUEUE=" + at,
		"BELLHOP_LOG=json"}
	a.write("bin/as-bellhop", "#!/bin/sh\nexec env -i '"+strings.Join(env, "' '")+"' '"+program+"' \"$@\"\n")
	a.write("bin/bellhop", strings.ReplaceAll(stubBellhop, "PROGRAM", "'"+program+"'"))
	a.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n")
	a.write("bin/ssh", stubSSH)
	if err := os.Rename(filepath.Join(a.dir, "bin/aws"), filepath.Join(a.dir, "bin/stub")); err != nil {
		t.Fatal(err)
	}
	a.write("bin/aws", accountStub)
	if out, err := a.once("bin/as-bellhop", "migrate"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server := startServing(t, program, append(env, "BELLHOP_PUSH=log:"), "serve", "--addr", "127.0.0.1:0")
	a.front = httptest.NewServer(a.inFrontOf(server.url))
	t.Cleanup(a.front.Close)
	for name, value := range map[string]string{"WebhookURL": a.front.URL + "/webhooks/shopify", "Console": a.front.URL,
		"ServerMachine": "i-1", "Queue": at} {
		a.write("bin/outputs/"+name, value+"\n")
	}
	return a
}

func (a *account) inFrontOf(server string) http.Handler {
	to, err := url.Parse(server)
	if err != nil {
		a.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	a.swallows.Store(-1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/webhooks/") && a.swallows.Load() >= 0 && a.swallows.Add(-1) < 0 {
			fmt.Fprintln(w)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// repository makes the folder what docs/aws.md takes it for, with its reader's files.
func (a *account) repository() {
	a.t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		a.t.Skip("there is no make")
	}
	if err := os.Symlink(".", filepath.Join(a.dir, "deploy")); err != nil {
		a.t.Fatal(err)
	}
	a.write("Makefile", readText(a.t, "../../Makefile"))
	for _, file := range []string{"deployer-policy.json", "github-trust.json"} {
		a.write("aws/ci/"+file, readText(a.t, "ci/"+file))
	}
	a.write("shopify-secret", "hush\n")
	a.write("service-account.json", `{"private_key":"k"}`)
	a.write("phone-token", "fcm-token:1\n")
}
