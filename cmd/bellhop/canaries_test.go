package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/identity/identitytest"
	"bellhop/internal/realserver"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// canaries is a bellhop whose secrets are all known to the test.
type canaries struct {
	*testing.T
	bellhop  *rig
	at       string // its address
	twin     *shop.Twin
	issuer   *identitytest.Issuer
	operator string // a token
	mails    chan simulate.Mail

	mu      sync.Mutex
	secrets map[string]string // what each one is
	said    bytes.Buffer      // all that bellhop says and doesn't mean to be a secret
	worked  map[string]int    // how often each way did
}

// TestNoSecretLeaves uses every kind of secret in every way that there is, right and wrong, while Shopify is in
// trouble. Then it looks for them in the log, errors, metrics, the processes' arguments, what commands print, and the
// database.
// CANARY_RUNS says how often; make canaries is long.
func TestNoSecretLeaves(t *testing.T) {
	for _, db := range []string{"sqlite", "postgres"} {
		t.Run(db, func(t *testing.T) {
			t.Parallel()
			c := newCanaries(t, db)
			ways := c.ways()
			// bellhop doesn't try again after these: connect's test has those after which it waits.
			troubles := []shop.Faults{{}, {NotAllowed: true}, {Away: http.StatusNotFound}, {MustExpire: true},
				{Protected: shop.ProtectedOrders}}
			for n := range kept(t, "CANARY_RUNS", 2*len(ways)) {
				domain, trouble := c.domain(n/len(ways)), troubles[n/len(ways)%len(troubles)]
				c.must(c.twin.SetFaults(domain, trouble))
				ways[n%len(ways)](domain)
				c.must(c.twin.SetFaults(domain, shop.Faults{}))
			}
			c.look()
		})
	}
}

// ofDatabase is a secret that all tests share, so that ps may show it.
const ofDatabase = "password of the database"

func newCanaries(t *testing.T, db string) *canaries {
	c := &canaries{T: t, secrets: map[string]string{}, worked: map[string]int{}}
	var shops []string
	for n := range 12 {
		shops = append(shops, c.domain(n))
	}
	addr := realserver.FreeAddress(t)
	c.at = "http://" + addr
	var err error
	c.twin, err = shop.New(shop.Options{Secret: c.secret("client secret", "shpss_"), App: c.at, Loopback: true,
		Orders: simulate.ShopifyOptions{Shops: shops, Rate: 1}})
	c.must(err)
	shopify := httptest.NewServer(http.HandlerFunc(c.asShopify))
	t.Cleanup(shopify.Close)
	for _, domain := range shops {
		c.must(c.twin.Install(domain))
	}
	issuer := httptest.NewUnstartedServer(nil)
	c.issuer = identitytest.New("http://"+issuer.Listener.Addr().String(), time.Now)
	issuer.Config.Handler = c.issuer
	issuer.Start()
	t.Cleanup(issuer.Close)
	key := make([]byte, 32)
	rand.Read(key)
	c.secrets[hex.EncodeToString(key)] = "key"
	c.secrets[base64.StdEncoding.EncodeToString(key)] = "key"
	c.bellhop = &rig{t: t, env: []string{"BELLHOP_DIR=" + t.TempDir(), "BELLHOP_KEY=" + hex.EncodeToString(key),
		"BELLHOP_SHOPIFY_SECRET=" + c.is("client secret"), "BELLHOP_SHOPIFY_CLIENT_ID=" + shop.DefaultClientID,
		"BELLHOP_SHOPIFY_ENDPOINT=" + shopify.URL + "/{shop}", "BELLHOP_URL=" + c.at, "BELLHOP_PUSH=log:",
		"BELLHOP_JWT=" + c.issuer.URL + "?audience=canaries", "GORACE=atexit_sleep_ms=0", c.mailServer()}}
	if db == "postgres" {
		at := newPostgres(t)
		u, err := url.Parse(at)
		c.must(err)
		password, _ := u.User.Password()
		c.note(ofDatabase, password)
		c.bellhop.env = append(c.bellhop.env, "BELLHOP_DB="+at, "BELLHOP_QUEUE=postgres:")
	}
	c.bellhop.run("migrate")
	c.operator = strings.TrimSpace(c.bellhop.run("token", "create", "--operator", "--name", "canaries"))
	c.secrets[c.operator] = "operator's token"
	c.bellhop.background(regexp.MustCompile(`"(ready)"`), "serve", "--addr", addr)
	return c
}

func (c *canaries) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *canaries) domain(n int) string { return fmt.Sprintf("shop-%d.myshopify.com", n%12) }

// secret makes up a secret.
func (c *canaries) secret(what, prefix string) string {
	text := prefix + rand.Text()
	c.note(what, text)
	return text
}

func (c *canaries) note(what, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(text) > 8 {
		c.secrets[text] = what
	}
}

// is returns the one secret of a kind.
func (c *canaries) is(what string) string {
	for text, kind := range c.secrets {
		if kind == what {
			return text
		}
	}
	return ""
}

// asShopify is the twin, whose tokens the test notes.
func (c *canaries) asShopify(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	c.twin.ServeHTTP(answer, r)
	var tokens struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(answer.Body.Bytes(), &tokens) == nil {
		c.note("token of Shopify's", tokens.Token)
		c.note("refresh token", tokens.Refresh)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // bellhop may have given up
}

// misplaced is a secret in an address, which the page may say again to whoever sent it.
const misplaced = "misplaced"

// call makes a request. An answer that gives no secret goes among what bellhop said.
func (c *canaries) call(way, method, path, token, body string, gives bool) map[string]any {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.at+path, strings.NewReader(body))
	c.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	c.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	c.must(err)
	var answer map[string]any
	_ = json.Unmarshal(text, &answer) // a page is none
	if resp.StatusCode < 300 {
		c.worked[way]++
	}
	if !gives || resp.StatusCode >= 300 && way != misplaced {
		fmt.Fprintf(&c.said, "%d %v %s\n", resp.StatusCode, resp.Header, text)
	}
	return answer
}

func asJSON(v map[string]any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test's own maps
	}
	return string(b)
}

// ways are what is done with secrets, in turn.
func (c *canaries) ways() []func(domain string) {
	post := func(way, path string, v map[string]any) map[string]any {
		return c.call(way, "POST", path, c.operator, asJSON(v), false)
	}
	return []func(string){
		c.installs,
		func(domain string) {
			token, err := c.twin.LastingToken(domain)
			c.must(err)
			c.note("lasting token", token)
			post("hand over", "/v1/shops/"+domain+"/connection", map[string]any{"grant": "token", "token": token})
			post("forged", "/v1/shops/"+domain+"/connection", map[string]any{"grant": "token",
				"token": c.secret("forged token", "shpat_"), "refresh_token": c.secret("forged refresh token", "shprt_")})
		},
		func(domain string) {
			id, err := c.twin.IDToken(domain, "owner")
			c.must(err)
			c.note("ID token", id)
			c.call("exchange", "POST", "/v1/shops/exchange", id, "", false)
			c.call("forged", "POST", "/v1/shops/exchange", id[:len(id)-9]+rand.Text()[:9], "", false)
			c.call("forged", "POST", "/v1/shops/exchange?id_token="+id, "", "", false)
		},
		func(domain string) {
			post("add", "/v1/shops", map[string]any{"domain": domain, "secret": c.secret("shop's secret", "shpss_")})
			c.call("secret", "PUT", "/v1/shops/"+domain+"/secret", c.operator,
				asJSON(map[string]any{"secret": c.secret("shop's secret", "shpss_")}), false)
			c.call("bad secret", "PUT", "/v1/shops/"+domain+"/secret", c.operator,
				asJSON(map[string]any{"secret": c.secret("bad secret", "") + " or not"}), false)
			post("check", "/v1/shops/"+domain+"/check", map[string]any{})
		},
		c.signsIn, c.mailsIn,
		func(domain string) {
			made := c.call("token", "POST", "/v1/shops/"+domain+"/tokens", c.operator,
				asJSON(map[string]any{"name": rand.Text()[:8]}), true)
			token := fmt.Sprint(made["token"])
			c.note("API token", token)
			c.call("orders", "GET", "/v1/orders", token, "", false)
			for _, path := range []string{"/v1/orders?token=", "/v1/orders/", "/", "/signin?next=/", "/v1/me?shop="} {
				c.call(misplaced, "GET", path+url.QueryEscape(token), "", "", true)
			}
		},
	}
}

// installs lets a shop's owner install the app, as in a browser; then comes a callback that nobody began.
func (c *canaries) installs(domain string) {
	jar, err := cookiejar.New(nil)
	c.must(err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	next := func(resp *http.Response, err error) string {
		c.Helper()
		c.must(err)
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		c.must(err)
		to := resp.Header.Get("Location")
		if once := regexp.MustCompile(`bh_l_[\w-]+`).FindString(to + string(page)); once != "" {
			c.note("sign-in link", once)
			c.worked["install"]++
			return ""
		}
		fmt.Fprintf(&c.said, "%d %s\n", resp.StatusCode, page)
		return to
	}
	begin, err := c.twin.InstallURL(domain)
	c.must(err)
	ask := next(browser.Get(begin))
	if !strings.Contains(ask, "/oauth/authorize") {
		return // connected already, or Shopify is in trouble
	}
	back := next(browser.PostForm(ask, nil))
	if at, err := url.Parse(back); err == nil {
		c.note("code", at.Query().Get("code"))
	}
	if back != "" {
		next(browser.Get(back))
		next(browser.Get(back)) // again
	}
	next(browser.Get(c.at + "/shopify/callback?shop=" + domain + "&code=" + c.secret("code", "") + "&hmac=" +
		c.secret("hmac", "") + "&state=" + c.secret("state", "") + "&timestamp=1"))
}

// signsIn signs people in by link, by password and by the issuer's tokens, and fails to.
func (c *canaries) signsIn(domain string) {
	email := strings.ToLower(rand.Text()) + "@example.com"
	person := c.call("person", "POST", "/v1/people?shop="+domain, c.operator,
		asJSON(map[string]any{"email": email, "role": "owner"}), false)
	link := c.call("link", "POST", fmt.Sprintf("/v1/people/%v/link?shop=%s", person["id"], domain), c.operator, "{}", true)
	at, err := url.Parse(fmt.Sprint(link["url"]))
	c.must(err)
	once := at.Query().Get("once")
	c.note("sign-in link", once)
	for range 2 { // the second time it is spent
		c.follow(url.Values{"once": {once}})
	}
	good := c.issuer.Token(c.issuer.Claims("canaries", email))
	bad := c.issuer.Token(c.issuer.Claims("somebody else", email))
	for _, jwt := range []string{good, bad, good[:len(good)-9] + rand.Text()[:9]} {
		c.note("JWT", jwt)
		c.note("JWT's signature", jwt[strings.LastIndex(jwt, ".")+1:])
		answer := c.call("jwt", "POST", "/v1/sessions", "", asJSON(map[string]any{"jwt": jwt}), true)
		if session, ok := answer["token"].(string); ok {
			c.note("session", session)
			c.call("me", "GET", "/v1/me", session, "", false)
		}
		c.call("jwt as bearer", "GET", "/v1/me", jwt, "", false)
	}
	c.call("password", "POST", "/v1/sessions", "", asJSON(map[string]any{"email": email,
		"password": c.secret("password", "")}), false)
}

// look looks for the secrets in all that others see.
func (c *canaries) look() {
	c.Helper()
	c.call("metrics", "GET", "/metrics", "", "", false)
	ps, err := exec.Command("ps", "-ww", "-eo", "args").Output()
	c.must(err)
	places := map[string]string{"answers and metrics": c.said.String(), "ps": string(ps)}
	for _, command := range [][]string{{"doctor"}, {"shop", "ls", "--json"}, {"owner", "ls", "--json"}, {"key", "check"},
		{"token", "ls", "--operator", "--json"}, {"ledger", "ls"}} {
		out, _ := c.bellhop.command(command...).CombinedOutput() // doctor finds shops without access
		places["bellhop "+strings.Join(command, " ")] = string(out)
	}
	c.bellhop.stop()
	places["log"] = c.bellhop.began[0].output.String()
	places["database"] = c.database()
	for _, way := range []string{"install", "hand over", "exchange", "secret", "check", "person", "link", "mail", "token",
		"orders", "jwt", "me", "jwt as bearer", "metrics"} {
		if c.worked[way] == 0 {
			c.Errorf("%s never worked: the test shows nothing of it", way)
		}
	}
	if !strings.Contains(places["ps"], "serve --addr") || !strings.Contains(places["database"], c.domain(1)) ||
		len(places["log"]) < 1000 {
		c.Error("a place is empty: the test looks in vain")
	}
	total := 0
	for place, text := range places {
		total += len(text)
		for secret, what := range c.secrets {
			for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), url.QueryEscape(secret),
				base64.StdEncoding.EncodeToString([]byte(secret))} {
				if strings.Contains(text, form) && !(place == "ps" && what == ofDatabase) {
					c.Errorf("%s: a %s, %s…", place, what, secret[:8])
				}
			}
		}
	}
	c.Logf("%d secrets, %d bytes, %v", len(c.secrets), total, c.worked)
}

// database returns all that the database keeps: a dump of Postgres, or the bytes of the files.
func (c *canaries) database() string {
	c.Helper()
	for _, setting := range c.bellhop.env {
		if db, ok := strings.CutPrefix(setting, "BELLHOP_DB="); ok {
			u, err := url.Parse(db)
			c.must(err)
			password, _ := u.User.Password()
			u.User = url.User(u.User.Username())
			dump := exec.Command("pg_dump", u.String())
			dump.Env = append(os.Environ(), "PGPASSWORD="+password)
			out, err := dump.Output()
			c.must(err)
			return string(out)
		}
	}
	dir, _ := strings.CutPrefix(c.bellhop.env[0], "BELLHOP_DIR=")
	files, err := filepath.Glob(filepath.Join(dir, "bellhop.db*"))
	c.must(err)
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		c.must(err)
		all.Write(content)
	}
	return all.String()
}
