// Package agefile encrypts files to the recipients of age (age-encryption.org) and decrypts them: what
// writes a file needs no secret, and what reads it needs one recipient's key.
package agefile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"

	"bellhop"
)

// maxRecipients bounds how many keys can open a file: age's header has a line for each.
const maxRecipients = 20

// Recipients are the public keys of those who can decrypt a file.
type Recipients []age.Recipient

// ParseRecipients reads age's public keys: age1… or age1pq1…, which can't be mixed.
func ParseRecipients(texts []string) (all Recipients, err error) {
	if len(texts) > maxRecipients {
		return nil, bellhop.Invalidf("recipient", "there are %d recipients: give %d at most", len(texts), maxRecipients)
	}
	for i, text := range texts {
		one, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(one) != 1 { // without the text: it may be a secret key
			return nil, bellhop.Invalidf("recipient",
				"recipient %d is not age's public key: give age1…, which age-keygen -y prints", i+1)
		}
		all = append(all, one...)
	}
	if _, err := age.Encrypt(io.Discard, all...); len(all) > 0 && err != nil {
		return nil, bellhop.Invalidf("recipient",
			"the recipients age1pq1… and age1… can't be mixed: give those of one kind")
	}
	return all, nil
}

// Encrypt writes the file at path encrypted to another one, which only its user can read.
func (r Recipients) Encrypt(path, to string) error {
	return convert(path, to, func(in io.Reader, out io.Writer) error {
		w, err := age.Encrypt(out, r...)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, in); err != nil {
			return err
		}
		return w.Close()
	})
}

// header begins every encrypted file.
const header = "age-encryption.org/"

// Is reports whether the file at path is encrypted.
func Is(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	begin, err := io.ReadAll(io.LimitReader(f, int64(len(header))))
	return string(begin) == header, err
}

// Identities are the secret keys of recipients.
type Identities []age.Identity

// maxIdentities bounds a file of identities.
const maxIdentities = 64 << 10

// ReadIdentities reads a file as age-keygen writes it. Nobody but its user and their group may read it.
func ReadIdentities(path string) (Identities, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, bellhop.Invalidf("identity", "others on this machine can open %s: chmod 600 %[1]s", path)
	}
	if info.Size() > maxIdentities {
		return nil, noIdentity(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if bytes.HasPrefix(text, []byte(header)) || bytes.HasPrefix(text, []byte("-----BEGIN AGE")) {
		return nil, bellhop.Invalidf("identity", "%s is itself encrypted: decrypt it first, with age --decrypt", path)
	}
	all, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // without its text: the file holds secrets
		return nil, noIdentity(path)
	}
	return all, nil
}

func unreadable(path string, err error) error {
	return bellhop.Invalidf("identity", "can't read %s: %v", path, cmp.Or(errors.Unwrap(err), err))
}

func noIdentity(path string) error {
	return bellhop.Invalidf("identity", "%s is no file with age's secret keys: give one that age-keygen wrote", path)
}

// Decrypt writes what the file at path has decrypted to another one, which only its user can read.
func (ids Identities) Decrypt(path, to string) error {
	err := convert(path, to, func(in io.Reader, out io.Writer) error {
		r, err := age.Decrypt(in, ids...)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		return err
	})
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return bellhop.Invalidf("identity", "no key that was given opens %s: give the file of a recipient's", path)
	}
	if _, ok := errors.AsType[*fs.PathError](err); err == nil || ok {
		return err
	}
	return &bellhop.Error{Kind: bellhop.Invalid, Code: "damaged", Message: path + " is damaged or cut off: take another",
		Cause: err}
}

// convert writes a file anew from another one. It leaves none behind that is not whole.
func convert(path, to string, write func(io.Reader, io.Writer) error) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = cmp.Or(err, out.Close()); err != nil {
			os.Remove(to)
		}
	}()
	if err = write(in, out); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}
