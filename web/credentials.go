package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"bellhop"
)

// Prefixes of secrets, by which people and scanners tell them apart.
const (
	sessionPrefix = "bh_s_"
	refreshPrefix = "bh_r_"
	tokenPrefix   = "bh_t_"
	linkPrefix    = "bh_l_"
	mailPrefix    = "bh_m_" // of a link that was mailed
	invitePrefix  = "bh_i_"
)

// The length in bytes that a password may have.
const (
	MinPassword = 8
	MaxPassword = 1024
)

// NewToken makes the secret of an API token: "bh_t_" and 256 random bits. Store only its
// hash.
func NewToken() (secret string, hash [32]byte) { return newSecret(tokenPrefix) }

// HashToken returns the hash to store of an API token's or a session's secret.
// Since a secret is random and long, a fast hash without salt is enough.
func HashToken(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

func newSecret(prefix string) (secret string, hash [32]byte) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never returns an error
	secret = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return secret, HashToken(secret)
}

// cost is what argon2id takes to compute.
type cost struct {
	memory, time uint32 // KiB, passes
	threads      uint8
}

// currentCost is OWASP's smallest recommendation: memory is short where
// bellhop runs, and sign-ins are limited besides.
var currentCost = cost{memory: 19 << 10, time: 2, threads: 1}

// maxCost bounds what a stored hash can ask for, since it may come from
// a restored file.
var maxCost = cost{memory: 256 << 10, time: 16, threads: 8}

const (
	saltBytes = 16
	keyBytes  = 32
)

// HashPassword returns the argon2id hash of a password, with its parameters, in
// the usual string form ($argon2id$v=19$m=…,t=…,p=…$salt$hash).
func HashPassword(password string) (string, error) {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return "", bellhop.Invalidf("password", "a password has %d to %d characters", MinPassword, MaxPassword)
	}
	return newHash(password), nil
}

func newHash(secret string) string {
	var salt [saltBytes]byte
	_, _ = rand.Read(salt[:]) // never returns an error
	return encodeHash(currentCost, salt[:], currentCost.key(secret, salt[:], keyBytes))
}

// VerifyPassword reports whether a password is the one that was hashed. An
// error means that the hash is damaged.
func VerifyPassword(hash, password string) (bool, error) {
	c, salt, want, err := decodeHash(hash)
	if err != nil {
		return false, err
	}
	got := c.key(password, salt, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// nobodysHash takes as long to verify as a new hash. No password matches it.
var nobodysHash = encodeHash(currentCost, make([]byte, saltBytes), make([]byte, keyBytes))

func (c cost) key(password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, n)
}

func encodeHash(c cost, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memory, c.time, c.threads, b64(salt), b64(key))
}

var errHash = errors.New("not an argon2id hash that bellhop can verify")

func decodeHash(s string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); err != nil {
		return c, nil, nil, errHash
	}
	if c.threads < 1 || c.threads > maxCost.threads || c.time < 1 || c.time > maxCost.time ||
		c.memory > maxCost.memory {
		return c, nil, nil, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return c, nil, nil, errHash
	}
	return c, salt, key, nil
}
