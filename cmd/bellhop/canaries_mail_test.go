package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"bellhop/simulate"
)

// mailServer starts a mail server with a password of its own, and returns the setting that names it.
func (c *canaries) mailServer() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	c.must(err)
	password := c.secret("mail server's password", "")
	c.mails = make(chan simulate.Mail, 100)
	s := simulate.NewSMTP(simulate.SMTPOptions{User: "jo", Password: password,
		Taken: func(m simulate.Mail) { c.mails <- m }})
	s.Serve(l)
	c.Cleanup(s.Close)
	return "BELLHOP_MAIL=smtp://jo:" + password + "@" + l.Addr().String() + "?from=shop@example.com"
}

var mailedSecret = regexp.MustCompile(`once=(\S+)`)

// mailsIn signs somebody in by the link of a mail, and fails to.
func (c *canaries) mailsIn(domain string) {
	email := strings.ToLower(rand.Text()) + "@example.com"
	c.call("person", "POST", "/v1/people?shop="+domain, c.operator,
		asJSON(map[string]any{"email": email, "role": "owner"}), false)
	asked := c.worked["mail"]
	c.call("mail", "POST", "/v1/sessions/email", "", asJSON(map[string]any{"email": email}), false)
	if c.worked["mail"] == asked {
		return // a network asks so often a minute
	}
	once := mailedSecret.FindStringSubmatch((<-c.mails).Text)[1]
	c.note("mailed link", once)
	for range 2 { // the second time it is spent
		c.follow(url.Values{"once": {once}})
	}
	c.call("wrong code", "POST", "/v1/sessions", "", asJSON(map[string]any{"email": email, "code": "000000"}), false)
}

// follow sends the form of the sign-in page.
func (c *canaries) follow(form url.Values) {
	resp, err := http.PostForm(c.at+"/signin", form)
	c.must(err)
	page, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	c.must(err)
	fmt.Fprintf(&c.said, "%s\n", page)
	for _, cookie := range resp.Cookies() {
		c.note("session's cookie", cookie.Value)
	}
}
