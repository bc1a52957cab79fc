// Package vault reads secrets from AWS Secrets Manager. It is a package of its own because only
// functions need it: the SDK's part for it would cost a server memory.
package vault

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop"
	"bellhop/internal/amazon"
)

// Secrets reads from AWS Secrets Manager. It caches nothing: its callers decide how old a secret
// may be.
type Secrets struct{ client *secretsmanager.Client }

// New returns the secrets of the account that cfg is for.
func New(cfg aws.Config) *Secrets { return &Secrets{secretsmanager.NewFromConfig(cfg)} }

// Get returns the current text of a secret, by its ARN or name.
func (s *Secrets) Get(ctx context.Context, id string) (string, error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", amazon.Explain(ctx, "read the secret "+id, err)
	}
	if out.SecretString == nil {
		return "", bellhop.Errorf(bellhop.Unavailable, "secret", "the secret %s holds no text: put it there as text", id)
	}
	return *out.SecretString, nil
}

// Login is a user of a database.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Login returns a secret that RDS keeps for a database, or one of the same form.
func (s *Secrets) Login(ctx context.Context, id string) (Login, error) {
	var l Login
	text, err := s.Get(ctx, id)
	if err != nil {
		return l, err
	}
	// The parser's error could quote the secret.
	if json.Unmarshal([]byte(text), &l) != nil || l.Username == "" || l.Password == "" {
		return l, bellhop.Errorf(bellhop.Unavailable, "secret",
			`the secret %s is no login: it must be JSON with "username" and "password"`, id)
	}
	return l, nil
}
