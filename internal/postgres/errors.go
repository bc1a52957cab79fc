package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bellhop"
)

// SQLSTATE codes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeUnique        = "23505"
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeLockTimeout   = "55P03"
	codeReadOnly      = "25006"
	codeStalePlan     = "0A000" // a prepared statement met a table that a migration changed
	codePassword      = "28P01"
	codeNotAllowed    = "28000"
	codeNoDatabase    = "3D000"
	codeTooMany       = "53300"
	codeProtocol      = "08P01" // also PgBouncer's refusals

	classLogin = "28" // the codes' beginning
)

func codeOf(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// IsUnique reports whether err is a violated UNIQUE constraint.
func IsUnique(err error) bool { return codeOf(err) == codeUnique }

// LoginRefused reports whether err says that the login was wrong.
func LoginRefused(err error) bool { return strings.HasPrefix(codeOf(err), classLogin) }

// again is an error after which the transaction is worth running once more.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// endsSession reports whether an error ends its session: the server shuts down, or is read-only
// since another one became the primary.
func endsSession(err error) bool {
	code := codeOf(err)
	return code == codeReadOnly || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08")
}

// Again marks the error of a transaction that collided with another one, such as by adding the same
// row first, so that it runs again.
func Again(err error) error { return again{err} }

func isAgain(err error) bool {
	switch codeOf(err) {
	case codeSerialization, codeDeadlock, codeStalePlan:
		return true
	}
	_, ok := errors.AsType[again](err)
	return ok
}

// explain turns the trouble that a database can be in into bellhop.Unavailable,
// and leaves all else, which is ours, as it is.
func explain(err error) error {
	if _, ok := errors.AsType[*bellhop.Error](err); ok || err == nil {
		return err
	}
	if message := trouble(err); message != "" {
		return &bellhop.Error{Kind: bellhop.Unavailable, Code: "database_unavailable", Message: message, Cause: err}
	}
	return err
}

func trouble(err error) string {
	code := codeOf(err)
	switch {
	case code == "":
		return noAnswer(err)
	case isAgain(err), code == codeLockTimeout:
		return "the database is busy with others who change the same: try again later"
	case code == codeReadOnly:
		return "the database takes no changes just now: try again later"
	case code == codeTooMany:
		return "the database has too many connections: try again later"
	case strings.HasPrefix(code, "53"), strings.HasPrefix(code, "58"):
		return "the database is out of room or of memory, or its disk fails: try again later"
	case code == "57014", code == "25P03":
		return "the database takes too long: try again later"
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57"), strings.HasPrefix(code, classLogin),
		code == codeNoDatabase:
		return "the database is not available: try again later"
	}
	return ""
}

// noAnswer explains errors that do not come from the server.
func noAnswer(err error) string {
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the database takes too long: try again later"
	case errors.As(err, &connect), errors.As(err, &network), isBroken(err):
		return "the database can't be reached: try again later"
	case isAgain(err):
		return "the database is busy with others who change the same: try again later"
	}
	return ""
}

// isBroken reports whether a connection ended instead of an answer. pgx has texts for some of these
// ends and no types.
func isBroken(err error) bool {
	if pgconn.SafeToRetry(err) || pgconn.Timeout(err) {
		return true
	}
	text := err.Error()
	for _, words := range []string{"unexpected EOF", "conn closed", "closed pool", "conn busy", "use of closed"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// diagnose says in one line why bellhop can't connect, and how to fix it, without the password.
func diagnose(c *pgx.ConnConfig, err error) error {
	if e, ok := errors.AsType[*bellhop.Error](err); ok {
		return e
	}
	at := strings.Join(hosts(c), " or ")
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refusal(c, at, e)
	}
	var name *net.DNSError
	var unknown x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var invalid *tls.CertificateVerificationError
	switch {
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return unavailable("no database at %s takes changes: name the primary in its URL, or promote one of them", at)
	case errors.Is(err, syscall.ECONNREFUSED):
		return unavailable("nothing answers at %s: start the database, or correct host and port in its URL", at)
	case errors.As(err, &name):
		return unavailable("there is no host %s: correct it in the database's URL", name.Name)
	case strings.Contains(err.Error(), "refused TLS"):
		return wrong("the database at %s does not support TLS: turn it on there, or add sslmode=disable to its URL if "+
			"the network is safe", at)
	case errors.As(err, &unknown), errors.As(err, &wrongName), errors.As(err, &invalid):
		return wrong("the certificate of the database at %s can't be trusted: give its authority with "+
			"sslrootcert=FILE in the URL, and the host by the name in the certificate", at)
	case errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return unavailable("the database at %s did not answer in time: see that it runs and that no firewall is between", at)
	}
	return unavailable("the database at %s broke the connection off: see its log, and whether host, port and sslmode "+
		"in its URL are right", at)
}

// hosts are where a URL leads to, each once.
func hosts(c *pgx.ConnConfig) []string {
	all := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks { // the same host may be there again, without TLS
		if at := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// refusal explains a server's or PgBouncer's answer to a new connection.
func refusal(c *pgx.ConnConfig, at string, e *pgconn.PgError) error {
	says := e.Message
	if c.Password != "" {
		says = strings.ReplaceAll(says, c.Password, "***")
	}
	switch {
	case e.Code == codeNoDatabase, strings.Contains(says, "no such database"), strings.HasPrefix(says, "database ") &&
		strings.HasSuffix(says, "does not exist"):
		return wrong("there is no database %s at %s: create it with createdb, or correct the name in its URL",
			c.Database, at)
	case strings.Contains(says, "unsupported startup parameter"):
		_, parameter, _ := strings.Cut(says, ": ")
		return wrong("PgBouncer at %s refuses the setting %s: take it out of the database's URL, or add it to "+
			"ignore_startup_parameters", at, parameter)
	case e.Code == codeNotAllowed && strings.Contains(says, "no encryption"):
		return wrong("the database at %s requires TLS: add sslmode=require to its URL", at)
	case e.Code == codePassword, e.Code == codeProtocol && strings.Contains(says, "authentication"),
		strings.Contains(says, "no such user"):
		return wrong("the database at %s refuses user %s with this password: correct them in its URL", at, c.User)
	case e.Code == codeNotAllowed:
		return wrong("the database at %s does not let user %s in from here (%s): see its pg_hba.conf", at, c.User, says)
	case e.Code == codeTooMany:
		return unavailable("the database at %s has too many connections: lower pool_max_conns in its URL, or raise "+
			"max_connections there", at)
	}
	return unavailable("the database at %s says %q: see its log", at, says)
}

func wrong(format string, args ...any) error {
	return bellhop.Errorf(bellhop.Invalid, "database_url", format, args...)
}

func unavailable(format string, args ...any) error {
	return bellhop.Errorf(bellhop.Unavailable, "database_unavailable", format, args...)
}
