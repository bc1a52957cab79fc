package lambdahost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"bellhop/host/lambdahost"
)

// The function behind the function URL: it answers once the queue has the event.
func ExampleAccept_Invoke() {
	queue := &kept{} // yours is a queue.Producer, such as that of SQS
	accept := &lambdahost.Accept{Producer: queue, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Secrets: func(context.Context) (lambdahost.Secrets, error) {
			return lambdahost.Secrets{App: "the app's client secret"}, nil
		}}
	for _, secret := range []string{"the app's client secret", "a stranger's"} {
		request, err := json.Marshal(webhook(secret, []byte(`{"id":1}`))) // as Lambda gives it
		if err != nil {
			panic(err)
		}
		answer, err := accept.Invoke(context.Background(), request)
		if err != nil {
			panic(err)
		}
		var said struct{ StatusCode int }
		if err := json.Unmarshal(answer, &said); err != nil {
			panic(err)
		}
		fmt.Println(said.StatusCode, len(queue.events))
	}
	// Output:
	// 200 1
	// 401 1
}
