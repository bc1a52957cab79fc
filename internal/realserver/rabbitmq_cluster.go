package realserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// RabbitMQCluster is several nodes of RabbitMQ that are one broker, behind an
// address that leads to one that is up, as a load balancer's does.
type RabbitMQCluster struct {
	Addr  string // HOST:PORT
	Nodes []*RabbitMQ

	balancer net.Listener
	serving  sync.WaitGroup
}

// StartRabbitMQCluster starts n nodes and joins them.
func StartRabbitMQCluster(ctx context.Context, n int, settings ...string) (c *RabbitMQCluster, err error) {
	c = &RabbitMQCluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	for i := range n {
		if err := c.add(ctx, fmt.Sprint("bellhop", i+1), settings); err != nil {
			return c, err
		}
	}
	if c.balancer, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return c, err
	}
	c.Addr = c.balancer.Addr().String()
	c.serving.Go(c.balance)
	return c, nil
}

// add starts a node and joins it to the first. Nodes find each other by one port
// mapper, and know each other by one cookie.
func (c *RabbitMQCluster) add(ctx context.Context, name string, settings []string) error {
	r, err := newRabbitMQ(name, settings)
	if err != nil {
		return err
	}
	c.Nodes = append(c.Nodes, r)
	first := c.Nodes[0]
	if r != first {
		r.epmd, r.epmdPort = first.epmd, first.epmdPort
		cookie, err := os.ReadFile(first.file(cookieFile))
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.file(cookieFile), cookie, 0o400); err != nil {
			return err
		}
	}
	if err := r.run(ctx); err != nil || r == first {
		return err
	}
	for _, args := range [][]string{{"stop_app"}, {"join_cluster", first.node}, {"start_app"}} {
		if _, err := r.Ctl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

const cookieFile = ".erlang.cookie"

// balance leads each connection to the first node that answers.
func (c *RabbitMQCluster) balance() {
	for {
		from, err := c.balancer.Accept()
		if err != nil {
			return
		}
		c.serving.Go(func() {
			defer from.Close()
			for _, node := range c.Nodes {
				to, err := net.Dial("tcp", node.Addr)
				if err != nil {
					continue
				}
				c.serving.Go(func() { io.Copy(to, from); to.Close() })
				io.Copy(from, to)
				to.Close()
				return
			}
		})
	}
}

// URL returns the address of a virtual host, by way of whichever node is up.
func (c *RabbitMQCluster) URL(vhost string) string { return RabbitURL(c.Addr, vhost) }

// Close ends all nodes and deletes their files.
func (c *RabbitMQCluster) Close() error {
	var errs []error
	for i := len(c.Nodes) - 1; i >= 0; i-- { // the first has the port mapper
		if i > 0 {
			c.Nodes[i].epmd = nil
		}
		errs = append(errs, c.Nodes[i].Close())
	}
	if c.balancer != nil {
		errs = append(errs, c.balancer.Close())
		c.serving.Wait()
	}
	return errors.Join(errs...)
}
