package sqlitefile

import "bellhop/internal/bodies"

// loadDictionaries makes sure that the file has this program's dictionary.
func loadDictionaries(c *Conn) (*bodies.Packer, error) {
	p := bodies.New()
	return p, keepDictionary(c, p)
}

func keepDictionary(c *Conn, p *bodies.Packer) error {
	id, bytes := p.Dictionary()
	known, err := c.Prepare(`SELECT 1 FROM dictionaries WHERE id = ?`).Int(id).One()
	if err == nil && known == 0 {
		err = c.Prepare(`INSERT OR IGNORE INTO dictionaries (id, bytes) VALUES (?,?)`).Int(id).Blob(bytes).Exec()
	}
	return err
}

// dictionary reads one that another program has written with.
func (c *Conn) dictionary(id int64) (bytes []byte, err error) {
	_, err = c.Prepare(`SELECT bytes FROM dictionaries WHERE id = ?`).Int(id).First(func(r Row) { bytes = r.Blob() })
	return bytes, err
}
