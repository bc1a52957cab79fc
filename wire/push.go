package wire

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"bellhop/push"
	"bellhop/push/fcmpush"
	"bellhop/push/logpush"
)

func (w *Working) openPush(ctx context.Context, o Options) (push.Sender, error) {
	var all senders
	for _, value := range strings.Split(w.Push, ",") {
		u, err := parseURL("BELLHOP_PUSH", strings.TrimSpace(value), pushAccepted)
		if err != nil {
			return nil, err
		}
		var s push.Sender
		switch u.Scheme {
		case "log":
			s = logpush.New(o.Log)
		case "fcm":
			s, err = openFCM(ctx, u, o)
		default:
			err = setting("BELLHOP_PUSH", fmt.Sprintf("there is no push driver %q", u.Scheme), pushAccepted)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func openFCM(ctx context.Context, u *url.URL, o Options) (push.Sender, error) {
	path := u.Path
	if u.Opaque != "" {
		path = u.Opaque
	}
	q := u.Query()
	endpoint := q.Get("endpoint")
	q.Del("endpoint")
	if path == "" || len(q) > 0 {
		return nil, setting("BELLHOP_PUSH", "fcm: needs the path of a service account's key and takes only ?endpoint=", pushAccepted)
	}
	s, err := fcmpush.New(ctx, fcmpush.Options{CredentialsFile: path, Endpoint: endpoint, Now: o.Now})
	if err != nil {
		return nil, setting("BELLHOP_PUSH", err.Error(), "give the JSON key of a service account from the Firebase console")
	}
	return s, nil
}

// senders tells all of them. The outcome is that of the last, so that log: can
// stand before fcm: and see what goes out.
type senders []push.Sender

func (s senders) Send(ctx context.Context, m push.Message) (name string, err error) {
	for _, one := range s {
		name, err = one.Send(ctx, m)
	}
	return name, err
}

func (s senders) Check(ctx context.Context) error {
	var errs []error
	for _, one := range s {
		errs = append(errs, one.Check(ctx))
	}
	return errors.Join(errs...)
}

func (s senders) Close() error {
	var errs []error
	for _, one := range s {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
