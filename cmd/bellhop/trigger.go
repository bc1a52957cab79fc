package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"bellhop"
	"bellhop/simulate"
)

type triggerCmd struct {
	Topic    string `arg:"" help:"The topic, such as orders/create or shop/update."`
	Target   string `name:"target" default:"http://127.0.0.1:8080" placeholder:"URL" help:"bellhop's URL (${default})."`
	Shop     string `name:"shop" default:"demo.myshopify.com" placeholder:"DOMAIN" help:"The shop (${default})."`
	Secret   string `name:"shopify-secret" env:"BELLHOP_SHOPIFY_SECRET" required:"" help:"The secret that signs it (${env})."`
	RemoteOK bool   `name:"remote-ok" help:"Allow a target on another machine."`
}

func (triggerCmd) Help() string {
	return `Makes a webhook as Shopify would send it, signs and sends it once, and says the answer. It fails unless that
is 200.`
}

// triggerPatience is how long Shopify waits for an answer.
const triggerPatience = 5 * time.Second

func (c *triggerCmd) Run(j *job) error {
	target, err := webhookTarget(c.Target, c.RemoteOK)
	if err != nil {
		return err
	}
	secret, _, _ := strings.Cut(c.Secret, ",") // the newer one, while rotating
	d, err := simulate.Sample(simulate.ShopifyOptions{Shops: []string{c.Shop}, Secret: secret,
		Seed: uint64(j.now().UnixNano()), Now: j.now}, c.Topic)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(j.ctx, triggerPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(d.Body))
	if err != nil {
		return err
	}
	r.Header = d.Header()
	began := j.now()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return bellhop.Errorf(bellhop.Unavailable, "target", "nothing answers at %s: %v", c.Target, err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	words := fmt.Sprintf("%s of %s, %d bytes, webhook %s: %s after %v", c.Topic, c.Shop, len(d.Body), d.WebhookID,
		answer.Status, j.now().Sub(began).Round(time.Millisecond))
	if answer.StatusCode != http.StatusOK {
		return bellhop.Errorf(bellhop.Internal, "refused", "%s: %s", words, said)
	}
	j.say("%s", words)
	return nil
}
