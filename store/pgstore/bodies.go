package pgstore

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// bodies compresses the archive's bodies.
type bodies struct{}

// How a body is stored.
const (
	codingNone = 0
	codingS2   = 1
)

// maxBody bounds what a stored body may claim to unpack to.
const maxBody = 64 << 20

func (bodies) encode(body []byte) (coding int64, stored []byte) {
	if packed := s2.Encode(nil, body); len(packed) < len(body) {
		return codingS2, packed
	}
	if body == nil {
		body = []byte{}
	}
	return codingNone, body
}

func (bodies) decode(coding int64, stored []byte) ([]byte, error) {
	if coding == codingNone {
		return stored, nil
	}
	if n, err := s2.DecodedLen(stored); err != nil || n > maxBody {
		return nil, fmt.Errorf("a stored body is damaged: %d bytes claimed: %v", n, err)
	}
	return s2.Decode(nil, stored)
}
