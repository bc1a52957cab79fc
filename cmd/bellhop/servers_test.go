package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"bellhop/internal/realserver"
)

// The servers that scripts share. Each starts at its first use.
var (
	// One test looks for what is gone: neither old segments of the log nor rows that an ANALYZE of the server's own still
	// sees may keep it.
	thePostgres = sync.OnceValues(func() (*realserver.Postgres, error) {
		return realserver.StartPostgres(context.Background(), "wal_recycle=off", "autovacuum=off",
			"max_connections=400")
	})
	theRabbitMQ = sync.OnceValues(func() (*realserver.RabbitMQ, error) {
		return realserver.StartRabbitMQ(context.Background())
	})
	theSQS = sync.OnceValues(func() (*realserver.SQS, error) { return realserver.StartSQS(context.Background()) })
)

// servers are the conditions [postgres], [rabbitmq] and [sqs]: whether a script can use
// that server. If all tests have to run, a missing server is an error.
func servers(condition string) (ok bool, err error) {
	switch condition {
	case "postgres":
		_, err = thePostgres()
	case "rabbitmq":
		_, err = theRabbitMQ()
	case "sqs":
		_, err = theSQS()
	default:
		return false, fmt.Errorf("there is no condition %s", condition)
	}
	if errors.Is(err, realserver.ErrMissing) && os.Getenv("BELLHOP_TEST_ALL") == "" {
		return false, nil
	}
	return err == nil, err
}

// postgres NAME puts the URL of an empty database into $NAME, and its host and
// port into $NAME_AT.
func postgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: postgres NAME")
	}
	server, err := thePostgres()
	ts.Check(err)
	name, err := server.NewDatabase(context.Background())
	ts.Check(err)
	ts.Setenv(args[0], server.URL(name))
	ts.Setenv(args[0]+"_AT", server.Addr)
}

// rabbitmq NAME puts the URL of an empty virtual host into $NAME, and its host and
// port into $NAME_AT.
func rabbitmq(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rabbitmq NAME")
	}
	server, err := theRabbitMQ()
	ts.Check(err)
	vhost, err := server.NewVHost(context.Background())
	ts.Check(err)
	ts.Setenv(args[0], server.URL(vhost))
	ts.Setenv(args[0]+"_AT", server.Addr)
}

// sqs NAME QUEUE puts the address of a queue of SQS, not made yet, into $NAME.
func sqs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqs NAME QUEUE")
	}
	server, err := theSQS()
	ts.Check(err)
	ts.Setenv("AWS_ACCESS_KEY_ID", "test")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	ts.Setenv(args[0], fmt.Sprintf("sqs+http://%s/000000000000/%s?region=us-east-1", strings.TrimPrefix(server.Endpoint, "http://"), args[1]))
}
