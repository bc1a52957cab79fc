// Package bodies packs the bodies of events for the databases. An order is mostly keys, the same in
// each: with a dictionary of them s2's result is half as large as without.
//
// A database keeps the dictionaries together with the bodies, so that a later program with another
// sample still reads them.
package bodies

import (
	_ "embed"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/s2"

	"bellhop"
)

// sample is an order of an invented shop with all the keys that Shopify sends,
// in the order in which it sends them.
//
//go:embed sample.json
var sample []byte

// maxBody bounds the unpacked size that a stored body may claim.
const maxBody = 64 << 20

// Packer packs and unpacks. It may be used from many goroutines at once.
type Packer struct {
	current int64 // id of the dictionary to write with
	encoder *s2.Dict

	mu   sync.RWMutex
	byID map[int64]*s2.Dict
}

// New returns a packer that writes with this program's dictionary.
func New() *Packer { return With(sample) }

// With returns a packer that writes with a dictionary of another sample.
func With(sample []byte) *Packer {
	p := &Packer{encoder: s2.MakeDict(sample, nil), byID: map[int64]*s2.Dict{}}
	_, bytes := p.Dictionary()
	p.current = int64(crc32.ChecksumIEEE(bytes)) + 1 // 0 means not packed
	p.byID[p.current] = p.encoder
	return p
}

// Dictionary returns the dictionary to keep with the packed bodies. Its id comes from its content,
// so that a running process stays right when a restore replaces the database's content.
func (p *Packer) Dictionary() (id int64, bytes []byte) { return p.current, p.encoder.Bytes() }

// Pack returns the body to store: in scratch if it got shorter, else the body itself. coding names
// the packing; 0 is none.
func (p *Packer) Pack(scratch *[]byte, body []byte) (coding int64, stored []byte) {
	if n := s2.MaxEncodedLen(len(body)); cap(*scratch) < n {
		*scratch = make([]byte, n)
	}
	packed := p.encoder.Encode((*scratch)[:cap(*scratch)], body)
	if len(packed) < len(body) {
		return p.current, packed
	}
	return 0, body
}

// Size returns how many bytes a stored body has once it is unpacked. Its first
// bytes are enough.
func Size(coding int64, stored []byte) int {
	if coding == 0 {
		return len(stored)
	}
	n, err := s2.DecodedLen(stored)
	if err != nil || n > maxBody {
		return len(stored) // it can't be unpacked
	}
	return n
}

// Unpack returns a new copy of the body. load reads a dictionary that this process has not met yet;
// nil if there is none. A damaged body, or one without its dictionary, is an error of kind
// bellhop.Invalid.
func (p *Packer) Unpack(coding int64, stored []byte, load func(id int64) ([]byte, error)) ([]byte, error) {
	if coding == 0 {
		return append([]byte{}, stored...), nil
	}
	dict, err := p.lookup(coding, load)
	if err != nil {
		return nil, err
	}
	if n, err := s2.DecodedLen(stored); err != nil || n > maxBody {
		return nil, damaged(fmt.Sprintf("it claims %d bytes: %v", n, err))
	}
	body, err := dict.Decode(nil, stored)
	if err != nil {
		return nil, damaged(err.Error())
	}
	return body, nil
}

func damaged(what string) error {
	return bellhop.Invalidf("stored_body", "the stored body can't be read: %s", what)
}

func (p *Packer) lookup(id int64, load func(id int64) ([]byte, error)) (*s2.Dict, error) {
	p.mu.RLock()
	dict := p.byID[id]
	p.mu.RUnlock()
	if dict != nil {
		return dict, nil
	}
	bytes, err := load(id)
	if err != nil {
		return nil, err
	}
	if dict = s2.NewDict(bytes); dict == nil {
		return nil, damaged(fmt.Sprintf("dictionary %d, with which it was packed, is missing or damaged", id))
	}
	p.mu.Lock()
	p.byID[id] = dict
	p.mu.Unlock()
	return dict, nil
}
