package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
	"bellhop/push/logpush"
	"bellhop/push/webpush"
)

// pushURLs are the URLs in BELLHOP_PUSH.
func (w *Working) pushURLs() (all []*url.URL, err error) {
	for _, value := range strings.Split(w.Push, ",") {
		u, err := parseURL("BELLHOP_PUSH", strings.TrimSpace(value), pushAccepted)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// OpenPush opens the push drivers.
func (w *Working) OpenPush(ctx context.Context, o Options) (push.Sender, error) {
	o.fill()
	urls, err := w.pushURLs()
	if err != nil {
		return nil, err
	}
	var all senders
	for _, u := range urls {
		var s push.Sender
		switch u.Scheme {
		case "log":
			s = logpush.New(o.Log)
			all.watching = append(all.watching, s)
		case "fcm":
			s, err = openFCM(ctx, u, o)
			all.sending = append(all.sending, s)
		case "webpush":
			s, err = w.openWebPush(u, o)
			all.sending = append(all.sending, s)
		default:
			err = WrongSetting("BELLHOP_PUSH", fmt.Sprintf("there is no push driver %q", u.Scheme), pushAccepted)
		}
		if err != nil {
			return nil, err
		}
		if len(urls) == 1 {
			return s, nil
		}
	}
	return &all, nil
}

func openFCM(ctx context.Context, u *url.URL, o Options) (push.Sender, error) {
	path := cmp.Or(u.Opaque, u.Path)
	q := u.Query()
	endpoint := q.Get("endpoint")
	q.Del("endpoint")
	validate := q.Get("validate_only")
	q.Del("validate_only")
	if path == "" && o.FCMCredentials == nil || len(q) > 0 || validate != "" && validate != "yes" {
		return nil, WrongSetting("BELLHOP_PUSH",
			"fcm: needs the path of a service account's key and takes only ?endpoint= and ?validate_only=yes",
			pushAccepted)
	}
	f := fcmpush.Options{CredentialsFile: path, Endpoint: endpoint, ValidateOnly: validate == "yes",
		Log: o.Log, Now: o.Now, Dial: o.Dial}
	if path == "" {
		f.Credentials = o.FCMCredentials
	}
	s, err := fcmpush.New(ctx, f)
	if err != nil && bellhop.KindOf(err) != bellhop.Invalid {
		return nil, err
	}
	if err != nil {
		return nil, WrongSetting("BELLHOP_PUSH", err.Error(),
			"give the JSON key of a service account from the Firebase console")
	}
	return s, nil
}

// openWebPush makes the keys at the first start.
func (w *Working) openWebPush(u *url.URL, o Options) (push.Sender, error) {
	path, err := w.webPushKeys(u)
	if err != nil {
		return nil, err
	}
	keys, err := webpush.OpenKeys(path)
	if err != nil {
		return nil, WrongSetting("BELLHOP_PUSH", err.Error(), "give a file that can be read, or written at the first start")
	}
	s, err := webpush.New(webpush.Options{Keys: keys, Subject: u.Query().Get("subject"),
		Private: u.Query().Get("private") == "yes", Now: o.Now})
	if err != nil {
		return nil, WrongSetting("BELLHOP_PUSH", err.Error(), pushAccepted)
	}
	return s, nil
}

// webPushKeys is the path of the keys' file.
func (w *Working) webPushKeys(u *url.URL) (string, error) {
	path := cmp.Or(u.Opaque, u.Path, filepath.Join(w.Dir, "webpush-keys.json"))
	q := u.Query()
	q.Del("subject")
	private := q.Get("private")
	q.Del("private")
	if len(q) > 0 || private != "" && private != "yes" {
		return "", WrongSetting("BELLHOP_PUSH", "webpush: takes only ?subject= and ?private=yes", pushAccepted)
	}
	return path, nil
}

// WebPushKey is the key that browsers subscribe with; "" without Web Push. Only the
// process that pushes makes keys: others would make different ones.
func (w *Working) WebPushKey() (string, error) {
	urls, err := w.pushURLs()
	if err != nil {
		return "", err
	}
	for _, u := range urls {
		if u.Scheme != "webpush" {
			continue
		}
		path, err := w.webPushKeys(u)
		if err != nil {
			return "", err
		}
		keys, err := webpush.ReadKeys(path)
		if err != nil {
			return "", WrongSetting("BELLHOP_PUSH", err.Error(), "give every process the key file of the one that pushes")
		}
		return keys.Public, nil
	}
	return "", nil
}

// senders sends to each address through the driver that takes it. Drivers that only
// watch, as log: does, see all pushes, and never decide the outcome.
type senders struct{ watching, sending []push.Sender }

func (s *senders) all() []push.Sender { return slices.Concat(s.watching, s.sending) }

func (s *senders) Send(ctx context.Context, m push.Message) (name string, err error) {
	for _, driver := range s.watching {
		name, err = driver.Send(ctx, m)
	}
	if len(s.sending) > 0 {
		name, err = "", &push.Error{Reason: push.ReasonRefused,
			Cause: fmt.Errorf("no driver of BELLHOP_PUSH takes addresses of kind %q", string(m.Device.Kind))}
	}
	for _, driver := range s.sending {
		if driver.Takes(m.Device.Kind) {
			return driver.Send(ctx, m)
		}
	}
	return name, err
}

func (s *senders) Takes(k bellhop.AddressKind) bool {
	return slices.ContainsFunc(s.all(), func(driver push.Sender) bool { return driver.Takes(k) })
}

func (s *senders) Service(d bellhop.Device) string {
	for _, driver := range s.sending {
		if driver.Takes(d.Kind) {
			return driver.Service(d)
		}
	}
	return ""
}

func (s *senders) Check(ctx context.Context, devices ...bellhop.Device) error {
	var errs []error
	for _, driver := range s.all() {
		others := func(d bellhop.Device) bool { return !driver.Takes(d.Kind) }
		errs = append(errs, driver.Check(ctx, slices.DeleteFunc(slices.Clone(devices), others)...))
	}
	return errors.Join(errs...)
}

func (s *senders) Close() error { return closeAll(s.all()...) }
