// Package vault reads and writes secrets in AWS Secrets Manager. It is a package of its own because only
// functions need it: the SDK's part for it would cost a server memory.
package vault

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop"
	"bellhop/internal/amazon"
)

// Secrets are those of AWS Secrets Manager. It caches nothing: its callers decide how old a secret
// may be.
type Secrets struct{ client *secretsmanager.Client }

// New returns the secrets of the account that cfg is for.
func New(cfg aws.Config) *Secrets { return &Secrets{secretsmanager.NewFromConfig(cfg)} }

// Get returns the current text of a secret, by its ARN or name; bellhop.NotFound when there is none.
func (s *Secrets) Get(ctx context.Context, id string) (string, error) {
	text, _, err := s.get(ctx, id)
	return text, err
}

// get also returns when the text was put there.
func (s *Secrets) get(ctx context.Context, id string) (text string, since time.Time, err error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if amazon.Code(err) == "ResourceNotFoundException" {
		return "", since, bellhop.Errorf(bellhop.NotFound, "no_secret",
			"the secret %s is not there, or nobody has put anything into it yet", id)
	}
	if err != nil {
		return "", since, amazon.Explain(ctx, "read the secret "+id, err)
	}
	if out.SecretString == nil {
		return "", since,
			bellhop.Errorf(bellhop.Unavailable, "secret", "the secret %s holds no text: put it there as text", id)
	}
	return *out.SecretString, aws.ToTime(out.CreatedDate), nil
}

// Login is a user of a database.
type Login struct {
	Username string    `json:"username"`
	Password string    `json:"password"`
	Since    time.Time `json:"-"` // when it was put into the secret
}

// Login returns a secret that RDS keeps for a database, or one of the same form; bellhop.NotFound when there is none.
func (s *Secrets) Login(ctx context.Context, id string) (l Login, err error) {
	text, since, err := s.get(ctx, id)
	if err != nil {
		return l, err
	}
	// The parser's error could quote the secret.
	if json.Unmarshal([]byte(text), &l) != nil || l.Username == "" || l.Password == "" {
		return Login{}, bellhop.Errorf(bellhop.Unavailable, "secret",
			`the secret %s is no login: it must be JSON with "username" and "password"`, id)
	}
	l.Since = since
	return l, nil
}

// PutLogin makes l the secret's current text.
func (s *Secrets) PutLogin(ctx context.Context, id string, l Login) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.Put(ctx, id, string(text))
}

// MaxSecret is the most bytes that a secret holds
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const MaxSecret = 65_536

// Put makes text, of at most [MaxSecret] bytes, the secret's current one.
func (s *Secrets) Put(ctx context.Context, id, text string) error {
	_, err := s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &text})
	return amazon.Explain(ctx, "put something into the secret "+id, err)
}
