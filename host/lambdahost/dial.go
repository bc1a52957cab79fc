package lambdahost

import (
	"context"
	"errors"
	"net"
	"time"
)

// dialTimeout bounds a connection's set-up, which takes a few milliseconds.
const dialTimeout = 2 * time.Second

// DialIPv6First connects from a network that leads out over IPv6 alone. Go decides by
// the machine's addresses which family it tries first, and the other one 300 ms later
// (RFC 6724, RFC 8305): IPv4's packets vanish there. Names without an address of IPv6,
// such as those of S3's gateway endpoint, are reached over IPv4.
func DialIPv6First(ctx context.Context, network, address string) (net.Conn, error) {
	return dialIPv6First(ctx, &net.Dialer{Timeout: dialTimeout}, network, address)
}

func dialIPv6First(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	c, err := d.DialContext(ctx, network+"6", address)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	c, again := d.DialContext(ctx, network+"4", address)
	if again != nil {
		return nil, errors.Join(err, again)
	}
	return c, nil
}
