package web

import (
	"math/bits"
	"sync"
)

// buffers lends memory for bodies and answers, in sizes that are powers of two, so that
// a small body doesn't hold the memory of a large one.
type buffers struct {
	pools [maxBufferBits - minBufferBits + 1]sync.Pool
}

const (
	minBufferBits = 13 // 8 KB: most orders
	maxBufferBits = 17 // 128 KB: nearly all; keeping larger ones would cost too much memory
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

// Put takes back a buffer that nobody else holds any more; nil is none.
func (b *buffers) Put(buf *[]byte) {
	if buf == nil {
		return
	}
	class := bits.Len(uint(len(*buf)-1)) - minBufferBits
	if class >= 0 && class < len(b.pools) && len(*buf) == 1<<(class+minBufferBits) {
		b.pools[class].Put(buf)
	}
}
