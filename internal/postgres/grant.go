package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Grant lets a role log in with a password, and makes the role if it is missing. The role reads and writes
// what bellhop keeps, in tables of later migrations, too, and changes no schema. The login of url must be the
// one that migrates.
func Grant(ctx context.Context, url, role, password string) error {
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	secret, err := verifier(password)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return grant(ctx, tx, role, secret) })
	if err != nil {
		return fmt.Errorf("let %s use the database: %w", role, explain(err))
	}
	return nil
}

func grant(ctx context.Context, tx pgx.Tx, role, secret string) error {
	there := false
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
		FROM (SELECT pg_advisory_xact_lock(hashtext('bellhop migrate'))) AS turn`, role).Scan(&there)
	if err != nil {
		return err
	}
	name := pgx.Identifier{role}.Sanitize()
	do := `ALTER ROLE `
	if !there {
		do = `CREATE ROLE `
	}
	for _, statement := range []string{
		do + name + ` LOGIN PASSWORD '` + secret + `'`,
		`GRANT USAGE ON SCHEMA public TO ` + name,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ` + name,
		`GRANT SELECT, USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO ` + name,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ` + name,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, USAGE, UPDATE ON SEQUENCES TO ` + name,
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// verifier is what the server keeps of a password, computed here as psql does, so that no log of a server shows the
// password (https://www.postgresql.org/docs/current/catalog-pg-authid.html).
func verifier(password string) (string, error) {
	const iterations = 4096
	salt := make([]byte, 16)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	sum := func(name string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(name))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(sum("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(sum("Server Key"))), nil
}
