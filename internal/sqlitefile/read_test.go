package sqlitefile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestPipelineWaitsForNoQuery lets people and searches take all their connections.
func TestPipelineWaitsForNoQuery(t *testing.T) {
	f := openAt(t, filepath.Join(t.TempDir(), "a.db"))
	var reads sync.WaitGroup
	release := make(chan struct{})
	for _, p := range []Purpose{People, Search} {
		for range connections[p] {
			begun := make(chan struct{})
			reads.Go(func() {
				err := f.ReadFor(t.Context(), p, func(*Conn) error { close(begun); <-release; return nil })
				if err != nil {
					t.Error(err)
				}
			})
			<-begun
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := f.ReadFor(ctx, p, func(*Conn) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more read for purpose %d: %v", p, err)
		}
		cancel()
	}
	if err := f.Read(t.Context(), func(*Conn) error { return nil }); err != nil {
		t.Error(err)
	}
	close(release)
	reads.Wait()
}

// TestSortsInLittleMemory sorts 60 MB.
func TestSortsInLittleMemory(t *testing.T) {
	f := openAt(t, filepath.Join(t.TempDir(), "a.db"))
	before, during := resident(t), int64(0)
	err := f.ReadFor(t.Context(), Search, func(c *Conn) error {
		return c.Prepare(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000)
			SELECT hex(zeroblob(600)), i FROM n ORDER BY -i`).Each(func(Row) error {
			if during == 0 {
				during = resident(t)
			}
			return nil
		})
	})
	if grown := (during - before) >> 20; err != nil || grown > 40 {
		t.Errorf("sorting 60 MB took %d MiB: %v", grown, err)
	}
}

// resident returns how much memory this process has.
func resident(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("only Linux tells how much memory a process has: ", err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestLogShrinks writes much while somebody searches at all times.
func TestLogShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	f := openAt(t, path)
	f.log.limit = checkpointPages
	ctx, cancel := context.WithCancel(t.Context())
	var searches sync.WaitGroup
	for range 3 * connections[Search] {
		searches.Go(func() {
			for ctx.Err() == nil {
				f.ReadFor(ctx, Search, func(c *Conn) error {
					_, err := c.Prepare(`SELECT count(*) FROM events`).One()
					time.Sleep(time.Millisecond)
					return err
				})
			}
		})
	}
	noise := make([]byte, 64<<10)
	write := func(n int) {
		t.Helper()
		rand.Read(noise)
		e := event(n)
		e.ID[2], e.Body = byte(n>>8), noise
		if err := f.Write(ctx, func(tx *Tx) error { _, err := tx.Append(e); return err }); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for ; n < 300; n++ { // about 20 MB
		write(n)
	}
	// A log that restarted by itself keeps its file's size until it is long again, so that writing goes on.
	for end := time.Now().Add(time.Minute); ; n++ {
		log, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if log.Size() <= 2*checkpointPages*4096 && !f.log.long.Load() {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the log has %d bytes", log.Size())
		}
		write(n)
	}
	cancel()
	searches.Wait()
}

// TestSearchesGoOn makes the log restart by itself while searches wait for that.
func TestSearchesGoOn(t *testing.T) {
	f := openAt(t, filepath.Join(t.TempDir(), "a.db"))
	f.log.shut(time.Now())
	add(t, f, 1)
	if err := f.ReadFor(t.Context(), Search, func(*Conn) error { return nil }); err != nil {
		t.Error(err)
	}
}
