package wire_test

import (
	"context"
	"fmt"
	"os"

	"bellhop/wire"
)

// Two URLs choose the database and the queue; your program needs no driver's package.
func ExampleStorage_Open() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "wire-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	storage := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"} // or postgres://…, amqp://…, sqs://…
	parts, err := storage.Open(ctx, wire.Options{})
	if err != nil {
		panic(err)
	}
	defer parts.Close()
	depth, err := parts.Queue.Depth(ctx)
	fmt.Println(depth.Waiting, err)
	fmt.Println(parts.Store.Ready(ctx))

	// The error of a wrong URL names the setting, the fault and the accepted forms.
	storage.Queue = "kafka://localhost"
	_, err = storage.Open(ctx, wire.Options{})
	fmt.Println(err != nil)
	// Output:
	// 0 <nil>
	// <nil>
	// true
}
