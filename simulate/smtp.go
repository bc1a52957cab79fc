package simulate

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// SMTPOptions are a mail server's. The zero value takes mail from anybody, in the clear.
type SMTPOptions struct {
	TLS            *tls.Config // nil: there is no encryption
	Implicit       bool        // TLS from the first byte on; else by STARTTLS, and nothing goes on without
	User, Password string      // a login that it insists on; "" for none
	OnlyLogin      bool        // it takes a login by AUTH LOGIN alone, as some old servers do
	Taken          func(Mail)  // called for each mail
}

// Mail is a mail that the twin took.
type Mail struct {
	From, To string // of the envelope
	Header   mail.Header
	Subject  string // decoded
	Text     string // decoded; lines end in \n
}

// What the twin does at a step in place of taking it, besides answering with a line of SMTP.
const (
	SMTPHangs = "hang" // until it closes
	SMTPDrops = "drop" // it closes the connection
)

// SMTP is the twin of a mail server, for one recipient a message.
type SMTP struct {
	o      SMTPOptions
	Hung   chan string // the step that hangs, for each connection; it has room for 100
	closed chan struct{}

	mu     sync.Mutex
	faults map[string]string
	sent   []Mail
	open   map[io.Closer]bool // listeners and connections
	all    sync.WaitGroup
}

// maxMails is how many mails the twin keeps.
const maxMails = 1000

// NewSMTP returns a twin that took nothing yet.
func NewSMTP(o SMTPOptions) *SMTP {
	return &SMTP{o: o, Hung: make(chan string, 100), closed: make(chan struct{}), faults: map[string]string{},
		open: map[io.Closer]bool{}}
}

// Fault says what the twin does at a step from now on: an answer such as "450 4.2.1 later", [SMTPHangs] or [SMTPDrops];
// "" for what is right. Steps are connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, QUIT, and message for its end.
func (s *SMTP) Fault(step, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[step] = what
}

// Sent returns the mails that the twin took, the oldest first.
func (s *SMTP) Sent() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.sent...)
}

// Serve takes connections, in the background, until [SMTP.Close].
func (s *SMTP) Serve(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[l] = true
	s.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[conn] = true
			select {
			case <-s.closed:
				conn.Close()
			default:
			}
			s.mu.Unlock()
			s.all.Go(func() { s.talk(conn) })
		}
	})
}

// Close ends all connections.
func (s *SMTP) Close() {
	s.mu.Lock()
	close(s.closed)
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// smtpTalk is one connection.
type smtpTalk struct {
	*SMTP
	conn      net.Conn
	in        *textproto.Reader
	encrypted bool
	signedIn  bool
	mail      Mail
}

func (s *SMTP) talk(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	t := &smtpTalk{SMTP: s, conn: conn, signedIn: s.o.User == ""}
	if s.o.Implicit {
		t.encrypt()
	}
	t.read()
	took, goesOn := t.answer("connect", "220 twin ESMTP")
	for took && goesOn {
		line, err := t.in.ReadLine()
		goesOn = err == nil && t.obey(line)
	}
}

func (t *smtpTalk) read() {
	t.in = textproto.NewReader(bufio.NewReader(io.LimitReader(t.conn, 1<<20)))
}

func (t *smtpTalk) encrypt() {
	t.conn = tls.Server(t.conn, t.o.TLS)
	t.encrypted = true
}

func (t *smtpTalk) fault(step string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.faults[step]
}

// say writes a line; false where nobody reads it.
func (t *smtpTalk) say(line string) bool {
	_, err := io.WriteString(t.conn, line+"\r\n")
	return err == nil
}

// answer says what is right at a step, or does what somebody asked for in its place.
func (t *smtpTalk) answer(step, right string) (took, goesOn bool) {
	switch what := t.fault(step); what {
	case SMTPHangs:
		t.Hung <- step
		<-t.closed
		return false, false
	case SMTPDrops:
		return false, false
	case "":
		return true, t.say(right)
	default:
		return false, t.say(what)
	}
}

// obey does what a line says. It returns false at the connection's end.
func (t *smtpTalk) obey(line string) (goesOn bool) {
	command, rest, _ := strings.Cut(line, " ")
	switch command = strings.ToUpper(command); command {
	case "EHLO":
		_, goesOn = t.answer(command, strings.Join(t.offers(), "\r\n"))
		return goesOn
	case "STARTTLS":
		took, goesOn := t.answer(command, "220 go on")
		if took {
			t.encrypt()
			t.read()
		}
		return goesOn
	case "AUTH":
		return t.auth(rest)
	case "RSET":
		return t.say("250 2.0.0 ok")
	case "QUIT":
		t.answer(command, "221 2.0.0 bye")
		return false
	case "MAIL", "RCPT", "DATA":
		if t.o.TLS != nil && !t.encrypted || !t.signedIn {
			return t.say("530 5.7.0 encrypt and sign in first")
		}
		return t.take(command, rest)
	}
	return t.say("502 5.5.1 no such command")
}

func (t *smtpTalk) offers() []string {
	all := []string{"250-twin"}
	if t.o.TLS != nil && !t.encrypted {
		all = append(all, "250-STARTTLS")
	} else if t.o.OnlyLogin {
		all = append(all, "250-AUTH LOGIN")
	} else {
		all = append(all, "250-AUTH PLAIN LOGIN")
	}
	return append(all, "250-8BITMIME", "250 ENHANCEDSTATUSCODES")
}

// auth takes a login by PLAIN, or by LOGIN, which asks for each part.
func (t *smtpTalk) auth(rest string) bool {
	how, said, _ := strings.Cut(rest, " ")
	right := "\x00" + t.o.User + "\x00" + t.o.Password
	got := decoded(said)
	if how == "LOGIN" {
		got = ""
		for _, ask := range []string{"Username:", "Password:"} {
			t.say("334 " + base64.StdEncoding.EncodeToString([]byte(ask)))
			line, err := t.in.ReadLine()
			if err != nil {
				return false
			}
			got += "\x00" + decoded(line)
		}
	}
	if got != right {
		return t.say("535 5.7.8 wrong, " + got)
	}
	took, goesOn := t.answer("AUTH", "235 2.7.0 welcome")
	t.signedIn = took
	return goesOn
}

func decoded(s string) string {
	b, _ := base64.StdEncoding.DecodeString(s) // whatever is wrong is the wrong login
	return string(b)
}

// take takes a part of a message.
func (t *smtpTalk) take(command, rest string) bool {
	_, address, _ := strings.Cut(rest, "<")
	address, _, _ = strings.Cut(address, ">")
	right := "250 2.1.0 ok"
	switch command {
	case "MAIL":
		t.mail = Mail{From: address}
	case "RCPT":
		t.mail.To = address
	case "DATA":
		right = "354 go on"
	}
	took, goesOn := t.answer(command, right)
	if !took || command != "DATA" {
		return goesOn
	}
	data, err := t.in.ReadDotBytes()
	if err != nil || t.fault("message") == "" && t.keep(data) != nil {
		return false
	}
	_, goesOn = t.answer("message", "250 2.0.0 taken")
	return goesOn
}

func (t *smtpTalk) keep(data []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	body := m.Body
	switch m.Header.Get("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	t.mail.Header, t.mail.Subject, t.mail.Text = m.Header, subject, strings.ReplaceAll(string(text), "\r\n", "\n")
	t.mu.Lock()
	if t.sent = append(t.sent, t.mail); len(t.sent) > maxMails {
		t.sent = t.sent[1:]
	}
	t.mu.Unlock()
	if t.o.Taken != nil {
		t.o.Taken(t.mail)
	}
	return nil
}
