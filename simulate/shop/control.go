package shop

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// command is what a button of the admin's page, or POST /_/ACTION, asks for.
type command struct {
	Shop        string          `json:"shop"` // "" is all shops
	Scopes      []string        `json:"scopes"`
	Orders      int             `json:"orders"`
	Updates     float64         `json:"updates"` // share of these orders that change later
	Days        int             `json:"days"`    // of the past that orders fill
	Order       int64           `json:"order,string"`
	Change      string          `json:"change"`
	Still       bool            `json:"still"`
	Silent      bool            `json:"silent"`
	LateSeconds int             `json:"late_seconds"`
	Topic       string          `json:"topic"`
	Points      float64         `json:"points"`
	Info        Info            `json:"info"`
	Faults      json.RawMessage `json:"faults"` // those that change
	Visitor     Visitor         `json:"visitor"`
}

// actions are what can be asked for of a shop.
var actions = map[string]func(t *Twin, shop string, c *command) error{
	"install": func(t *Twin, shop string, _ *command) error { return t.Install(shop) },
	"uninstall": func(t *Twin, shop string, c *command) error {
		return t.Uninstall(shop, time.Duration(c.LateSeconds)*time.Second)
	},
	"scopes": func(t *Twin, shop string, c *command) error { return t.SetScopes(shop, c.Scopes) },
	"orders": func(t *Twin, shop string, c *command) error {
		return t.MakeOrders(shop, simulate.ShopifyOptions{Orders: cmp.Or(c.Orders, 1), Updates: c.Updates})
	},
	"past": func(t *Twin, shop string, c *command) error {
		now := t.opt.Now()
		return t.Fill(shop, simulate.ShopifyOptions{Orders: cmp.Or(c.Orders, 100), Updates: c.Updates},
			now.AddDate(0, 0, -cmp.Or(c.Days, 60)), now)
	},
	"change": func(t *Twin, shop string, c *command) error {
		change := OrderChange{simulate.Change(cmp.Or(c.Change, string(simulate.ChangeNote))), c.Still, c.Silent}
		return t.ChangeOrder(shop, c.Order, change)
	},
	"info":        func(t *Twin, shop string, c *command) error { return t.SetInfo(shop, c.Info) },
	"unsubscribe": func(t *Twin, shop string, c *command) error { return t.DropSubscriptions(shop, c.Topic) },
	"visitor":     func(t *Twin, shop string, c *command) error { return t.SignIn(shop, c.Visitor) },
	"points":      func(t *Twin, shop string, c *command) error { return t.SetPoints(shop, c.Points) },
	"faults":      func(t *Twin, shop string, c *command) error { return t.mergeFaults(shop, c.Faults) },
}

// do carries a command out, for one shop or all.
func (t *Twin) do(action string, c *command) error {
	act := actions[action]
	if act == nil {
		return bellhop.Errorf(bellhop.NotFound, "action", "the twin has no action %q", shorten(action))
	}
	shops := []string{c.Shop}
	if c.Shop == "" {
		shops = t.opt.Orders.Shops
	}
	for _, shop := range shops {
		if err := act(t, shop, c); err != nil {
			return err
		}
	}
	return nil
}

// mergeFaults changes the faults that a JSON object names.
func (t *Twin) mergeFaults(domain string, change json.RawMessage) error {
	return t.change(domain, func(s *shop) error {
		f := s.faults
		d := json.NewDecoder(bytes.NewReader(change))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return bellhop.Invalidf("faults", `faults: give an object such as {"away":402,"lag_seconds":30}`)
		}
		if err := f.check(); err != nil {
			return err
		}
		s.fail(f, t.opt.Now())
		return nil
	})
}

// State is what the twin says of a shop.
type State struct {
	Shop          string         `json:"shop"`
	Installed     bool           `json:"installed"`
	InstalledAt   time.Time      `json:"installed_at,omitzero"`
	Scopes        []string       `json:"scopes"`
	Subscriptions []Subscription `json:"subscriptions"` // made by the API
	Orders        int            `json:"orders"`
	Points        float64        `json:"points"` // left of the budget for queries
	Faults        Faults         `json:"faults"`
}

// State returns how a shop stands.
func (t *Twin) State(domain string) (st State, err error) {
	subs, err := t.Subscriptions(domain)
	if err != nil {
		return st, err
	}
	err = t.change(domain, func(s *shop) error {
		s.bucket.fill(t.opt.Now())
		st = State{domain, s.installed, s.installedAt, slices.Clone(s.scopes), subs, s.orders.count(), s.bucket.left,
			s.faults}
		return nil
	})
	return st, err
}

// routeOwn adds the twin's own controls, which Shopify has no like of.
func (t *Twin) routeOwn(m *http.ServeMux) {
	m.HandleFunc("GET /_/shops", t.serveStates)
	m.HandleFunc("GET /_/hours", func(w http.ResponseWriter, r *http.Request) {
		hours, err := t.OrdersByHour(r.FormValue("shop"))
		answer(w, map[string]any{"hours": hours}, err)
	})
	m.HandleFunc("GET /_/deliveries", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, t.Ledger().Summary())
	})
	m.HandleFunc("GET /_/bulk/{shop}/{file}", t.serveBulk)
	m.HandleFunc("GET /_/id-token", func(w http.ResponseWriter, r *http.Request) {
		text, err := t.IDToken(r.FormValue("shop"), cmp.Or(r.FormValue("user"), "owner"))
		answer(w, map[string]string{"id_token": text}, err)
	})
	m.HandleFunc("POST /_/token", t.asJSON(func(c *command) (any, error) {
		text, err := t.LastingToken(c.Shop)
		return map[string]string{"access_token": text}, err
	}))
	for action := range actions {
		m.HandleFunc("POST /_/"+action, t.asJSON(func(c *command) (any, error) {
			return map[string]bool{"done": true}, t.do(action, c)
		}))
	}
}

func (t *Twin) serveStates(w http.ResponseWriter, _ *http.Request) {
	all := []State{}
	for _, domain := range t.opt.Orders.Shops {
		s, err := t.State(domain)
		if err != nil {
			answer(w, nil, err)
			return
		}
		all = append(all, s)
	}
	writeJSON(w, http.StatusOK, map[string]any{"shops": all})
}

// asJSON reads a command. It requires JSON, which a page of another origin can't send without a preflight.
func (t *Twin) asJSON(do func(*command) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/json" {
			http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
			return
		}
		var c command
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			http.Error(w, `send an object such as {"shop":"demo.myshopify.com"}: `+err.Error(), http.StatusBadRequest)
			return
		}
		v, err := do(&c)
		answer(w, v, err)
	}
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, message(err), statusOf(err))
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func statusOf(err error) int {
	if bellhop.KindOf(err) == bellhop.NotFound {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// message is an error's text for people.
func message(err error) string {
	if e, ok := errors.AsType[*bellhop.Error](err); ok {
		return e.Message
	}
	return err.Error()
}
