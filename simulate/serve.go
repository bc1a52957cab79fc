package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve serves a twin at addr until ctx is done. It calls ready once with the twin's address, which ends in the
// real port if addr has port 0. name is the twin's, for errors.
func Serve(ctx context.Context, name, addr string, h http.Handler, ready func(url string) error) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for %s at %s: %w", name, addr, err)
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	if err := ready("http://" + l.Addr().String()); err != nil {
		l.Close()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err = <-ended:
		return fmt.Errorf("serve %s: %w", name, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = srv.Shutdown(grace)
	<-ended
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	return err
}
