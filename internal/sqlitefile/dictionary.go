package sqlitefile

import (
	_ "embed"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/s2"
)

// sample is an order of an invented shop with all the keys that Shopify sends,
// in the order in which it sends them: as a dictionary it halves what s2 alone
// leaves of a body.
//
//go:embed dictionary.json
var sample []byte

// maxBody bounds what a stored body may claim to unpack to.
const maxBody = 64 << 20

// dictionaries compress and restore bodies. Each file keeps those that its
// bodies were compressed with, so that a later program with another sample
// still reads them.
type dictionaries struct {
	current int64 // id of the one to write with
	encoder *s2.Dict

	mu   sync.RWMutex
	byID map[int64]*s2.Dict
}

// loadDictionaries makes sure that the file has this program's dictionary. Its
// id comes from its content, so that what a running process remembers stays
// true when the file's content is replaced by that of a backup.
func loadDictionaries(c *Conn) (*dictionaries, error) {
	d := &dictionaries{encoder: s2.MakeDict(sample, nil), byID: map[int64]*s2.Dict{}}
	bytes := d.encoder.Bytes()
	d.current = int64(crc32.ChecksumIEEE(bytes)) + 1 // 0 means not compressed
	d.byID[d.current] = d.encoder
	known, err := c.Prepare(`SELECT 1 FROM dictionaries WHERE id = ?`).Int(d.current).One()
	if err == nil && known == 0 {
		err = c.Prepare(`INSERT OR IGNORE INTO dictionaries (id, bytes) VALUES (?,?)`).Int(d.current).Blob(bytes).Exec()
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// encode returns the body as it is stored: in scratch if it got shorter there,
// else the body itself.
func (d *dictionaries) encode(scratch *[]byte, body []byte) (coding int64, stored []byte) {
	if n := s2.MaxEncodedLen(len(body)); cap(*scratch) < n {
		*scratch = make([]byte, n)
	}
	packed := d.encoder.Encode((*scratch)[:cap(*scratch)], body)
	if len(packed) < len(body) {
		return d.current, packed
	}
	return 0, body
}

// decode returns a copy of its own.
func (d *dictionaries) decode(c *Conn, coding int64, stored []byte) ([]byte, error) {
	if coding == 0 {
		return append([]byte{}, stored...), nil
	}
	dict, err := d.lookup(c, coding)
	if err != nil {
		return nil, err
	}
	if n, err := s2.DecodedLen(stored); err != nil || n > maxBody {
		return nil, fmt.Errorf("a stored body is damaged: %d bytes claimed: %v", n, err)
	}
	body, err := dict.Decode(nil, stored)
	if err != nil {
		return nil, fmt.Errorf("unpack a stored body: %w", err)
	}
	return body, nil
}

func (d *dictionaries) lookup(c *Conn, id int64) (*s2.Dict, error) {
	d.mu.RLock()
	dict := d.byID[id]
	d.mu.RUnlock()
	if dict != nil {
		return dict, nil
	}
	var bytes []byte
	_, err := c.Prepare(`SELECT bytes FROM dictionaries WHERE id = ?`).Int(id).First(func(r Row) { bytes = r.Blob() })
	if err != nil {
		return nil, err
	}
	if dict = s2.NewDict(bytes); dict == nil {
		return nil, fmt.Errorf("dictionary %d, with which a body was compressed, is missing or damaged", id)
	}
	d.mu.Lock()
	d.byID[id] = dict
	d.mu.Unlock()
	return dict, nil
}
