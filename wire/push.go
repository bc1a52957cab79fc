package wire

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
	"bellhop/push/logpush"
	"bellhop/push/webpush"
)

// pushURLs are what BELLHOP_PUSH names.
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

func (w *Working) openPush(ctx context.Context, o Options) (push.Sender, error) {
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
			all.ringing = append(all.ringing, s)
		case "webpush":
			s, err = w.openWebPush(u, o)
			all.ringing = append(all.ringing, s)
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
	path := u.Path
	if u.Opaque != "" {
		path = u.Opaque
	}
	q := u.Query()
	endpoint := q.Get("endpoint")
	q.Del("endpoint")
	if path == "" || len(q) > 0 {
		return nil, WrongSetting("BELLHOP_PUSH", "fcm: needs the path of a service account's key and takes only ?endpoint=",
			pushAccepted)
	}
	s, err := fcmpush.New(ctx, fcmpush.Options{CredentialsFile: path, Endpoint: endpoint, Now: o.Now})
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

// webPushKeys is where the keys are.
func (w *Working) webPushKeys(u *url.URL) (string, error) {
	path := u.Path
	if u.Opaque != "" {
		path = u.Opaque
	}
	if path == "" {
		path = filepath.Join(w.Dir, "webpush-keys.json")
	}
	q := u.Query()
	q.Del("subject")
	private := q.Get("private")
	q.Del("private")
	if len(q) > 0 || private != "" && private != "yes" {
		return "", WrongSetting("BELLHOP_PUSH", "webpush: takes only ?subject= and ?private=yes", pushAccepted)
	}
	return path, nil
}

// WebPushKey is what browsers subscribe with; "" where none gets pushes. Only the
// process that pushes makes keys: new ones made here would be others.
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
type senders struct{ watching, ringing []push.Sender }

func (s *senders) all() []push.Sender {
	return append(append([]push.Sender{}, s.watching...), s.ringing...)
}

func (s *senders) Send(ctx context.Context, m push.Message) (name string, err error) {
	for _, one := range s.watching {
		name, err = one.Send(ctx, m)
	}
	if len(s.ringing) > 0 {
		name, err = "", &push.Error{Reason: push.ReasonRefused,
			Cause: fmt.Errorf("no driver of BELLHOP_PUSH takes addresses of kind %q", string(m.Device.Kind))}
	}
	for _, one := range s.ringing {
		if one.Takes(m.Device.Kind) {
			return one.Send(ctx, m)
		}
	}
	return name, err
}

func (s *senders) Takes(k bellhop.AddressKind) bool {
	for _, one := range s.all() {
		if one.Takes(k) {
			return true
		}
	}
	return false
}

func (s *senders) Service(d bellhop.Device) string {
	for _, one := range s.ringing {
		if one.Takes(d.Kind) {
			return one.Service(d)
		}
	}
	return ""
}

func (s *senders) Check(ctx context.Context, devices ...bellhop.Device) error {
	var errs []error
	for _, one := range s.all() {
		var its []bellhop.Device
		for _, d := range devices {
			if one.Takes(d.Kind) {
				its = append(its, d)
			}
		}
		errs = append(errs, one.Check(ctx, its...))
	}
	return errors.Join(errs...)
}

func (s *senders) Close() error {
	var errs []error
	for _, one := range s.all() {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
