package web

import (
	"io"
	"math/bits"
	"sync"
)

// buffers lends memory for bodies, in sizes that are powers of two, so that
// a small body doesn't hold the memory of a large one.
type buffers struct {
	pools [maxBufferBits - minBufferBits + 1]sync.Pool
}

const (
	minBufferBits = 13 // 8 KB: most orders
	maxBufferBits = 21 // 2 MiB
)

// get lends a buffer of at least size bytes.
func (b *buffers) get(size int) *[]byte {
	class := max(bits.Len(uint(max(size, 1)-1)), minBufferBits) - minBufferBits
	if class >= len(b.pools) {
		buf := make([]byte, size)
		return &buf
	}
	if buf, ok := b.pools[class].Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, 1<<(class+minBufferBits))
	return &buf
}

// put takes back a buffer that nobody else holds any more.
func (b *buffers) put(buf *[]byte) {
	class := bits.Len(uint(len(*buf)-1)) - minBufferBits
	if class >= 0 && class < len(b.pools) && len(*buf) == 1<<(class+minBufferBits) {
		b.pools[class].Put(buf)
	}
}

// read reads all of r into a buffer and returns how much it was. When it is
// more than limit, it stops and returns limit+1. length is what r is said to
// hold; negative when nobody said. The buffer is the caller's, also with an
// error.
func (b *buffers) read(r io.Reader, length int64, limit int) (buf *[]byte, n int, err error) {
	// One byte more than there is lets the reader say so without growing.
	buf = b.get(min(int(max(length, 0)), limit) + 1)
	for n <= limit {
		if n == len(*buf) {
			larger := b.get(2 * n)
			copy(*larger, *buf)
			b.put(buf)
			buf = larger
		}
		m, err := r.Read((*buf)[n:])
		n += m
		if err == io.EOF {
			return buf, min(n, limit+1), nil
		}
		if err != nil {
			return buf, n, err
		}
	}
	return buf, limit + 1, nil
}
