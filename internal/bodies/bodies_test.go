package bodies_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/s2"

	"bellhop/internal/bodies"
)

func TestPackAndUnpack(t *testing.T) {
	p := bodies.New()
	none := func(int64) ([]byte, error) { return nil, nil }
	order := []byte(`{"id":1,"admin_graphql_api_id":"gid:\/\/shopify\/Order\/1","app_id":null,"browser_ip":null,` +
		`"buyer_accepts_marketing":true}`)
	for _, body := range [][]byte{order, []byte("x"), {}, bytes.Repeat([]byte("long "), 100_000)} {
		var scratch []byte
		coding, stored := p.Pack(&scratch, body)
		if len(stored) > len(body) || len(body) > 100 && len(stored)*2 > len(body) {
			t.Errorf("%d bytes became %d", len(body), len(stored))
		}
		got, err := p.Unpack(coding, stored, none)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes came back as %d: %v", len(body), len(got), err)
		}
	}
	var scratch []byte
	coding, stored := p.Pack(&scratch, order)
	if _, err := p.Unpack(coding, stored[:len(stored)-3], none); err == nil {
		t.Error("a damaged body was unpacked")
	}
}

func TestAnotherProgramsDictionary(t *testing.T) {
	other := s2.MakeDict(bytes.Repeat([]byte("another sample "), 10), nil)
	body := []byte("another sample another sample another sample")
	stored := other.Encode(nil, body)
	p := bodies.New()
	if _, err := p.Unpack(7, stored, func(int64) ([]byte, error) { return nil, nil }); err == nil {
		t.Error("unpacked without the dictionary")
	}
	away := errors.New("away")
	if _, err := p.Unpack(7, stored, func(int64) ([]byte, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	loads := 0
	for range 2 {
		got, err := p.Unpack(7, stored, func(int64) ([]byte, error) { loads++; return other.Bytes(), nil })
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if loads != 1 {
		t.Errorf("loaded %d times", loads)
	}
}
