package push_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
	"bellhop/simulate"
)

// A sender makes one attempt and reports the result. Here it is FCM's, and the twin
// stands in for FCM and the phone.
func ExampleSender() {
	fcm := simulate.NewFCM(simulate.FCMOptions{})
	defer fcm.Close()
	server := httptest.NewServer(fcm)
	defer server.Close()
	account, err := fcm.ServiceAccount(server.URL) // you get yours from the Firebase console
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	sender, err := fcmpush.New(ctx, fcmpush.Options{Endpoint: server.URL,
		Credentials: func(context.Context) ([]byte, error) { return account, nil }})
	if err != nil {
		panic(err)
	}
	defer sender.Close()

	phone := bellhop.Device{Kind: bellhop.AddressToken, Value: simulate.NewToken(rand.New(rand.NewPCG(1, 1))),
		Platform: bellhop.PlatformAndroid, Form: bellhop.FormNotification}
	send := func(title string) error {
		_, err := sender.Send(ctx, push.Message{Device: phone, Tag: "order-1001", Title: title})
		return err
	}
	fmt.Println(send("Order #1001"), send("Order #1001, paid"))
	for _, slot := range fcm.Drawer(phone.Value) {
		fmt.Printf("the phone shows %q, which replaced %d\n", slot.Title, slot.Replaced)
	}

	fcm.Unregister(phone.Value)
	e := push.AsError(send("Order #1001, cancelled"))
	fmt.Println(e.Reason, "- try again:", !e.Reason.Final(), "- retire the device:", e.Reason.Retire())
	// Output:
	// <nil> <nil>
	// the phone shows "Order #1001, paid", which replaced 1
	// unregistered - try again: false - retire the device: true
}
