package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // for database/sql
	"golang.org/x/oauth2/google"

	"bellhop/shopify"
)

// PlainOptions are the options of [Plain], and the flags of bellhop-bench plain.
type PlainOptions struct {
	Addr   string `name:"addr" env:"BELLHOP_ADDR" default:"127.0.0.1:8081" help:"The address to listen at."`
	Secret string `name:"secret" env:"BELLHOP_SHOPIFY_SECRET" required:"" help:"The secret that signs webhooks."`
	DB     string `name:"db" env:"BELLHOP_DB" default:"sqlite:" help:"The database; it creates tables of its own there."`
	Dir    string `name:"dir" env:"BELLHOP_DIR" default:"." help:"The folder of sqlite: files."`
	Push   string `name:"push" env:"BELLHOP_PUSH" required:"" help:"fcm:FILE?endpoint=URL"`
	Pool   int    `name:"pool" default:"10" help:"How many connections there are."`
}

// Plain serves a good engineer's program of an afternoon, which handles an order
// within the webhook's request: it checks the signature, keeps the order, pushes
// to the shop's phone, and writes down that it did, on one of Pool connections.
// It decodes four fields and tries nothing again. Inline mode must do no worse.
func Plain(ctx context.Context, o PlainOptions) error {
	p, err := newPlain(ctx, o)
	if err != nil {
		return err
	}
	defer p.db.Close()
	return Bare(ctx, o.Addr, o.Secret, p.handle)
}

type plainHandler struct {
	db     *sql.DB
	places chan struct{}
	fcm    *http.Client
	send   string // URL of FCM's method
}

func newPlain(ctx context.Context, o PlainOptions) (*plainHandler, error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(o.Push, "fcm:"), "?")
	settings, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("read the push service's address: %w", err)
	}
	account, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the service account: %w", err)
	}
	config, err := google.JWTConfigFromJSON(account, "https://www.googleapis.com/auth/firebase.messaging")
	if err != nil {
		return nil, fmt.Errorf("read the service account: %w", err)
	}
	var project struct {
		ID string `json:"project_id"`
	}
	if err := json.Unmarshal(account, &project); err != nil {
		return nil, fmt.Errorf("read the service account: %w", err)
	}
	p := &plainHandler{places: make(chan struct{}, o.Pool), fcm: config.Client(ctx),
		send: settings.Get("endpoint") + "/v1/projects/" + project.ID + "/messages:send"}
	driver, source := "pgx", o.DB
	if strings.HasPrefix(o.DB, "sqlite:") {
		driver = "sqlite3"
		source = "file:" + filepath.Join(o.Dir, "plain.db") +
			"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"
	}
	if p.db, err = sql.Open(driver, source); err != nil {
		return nil, err
	}
	p.db.SetMaxOpenConns(o.Pool)
	p.db.SetMaxIdleConns(o.Pool)
	for _, s := range []string{
		`CREATE TABLE IF NOT EXISTS plain_devices (shop TEXT PRIMARY KEY, token TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS plain_orders (id BIGINT PRIMARY KEY, shop TEXT NOT NULL, name TEXT NOT NULL, total ` +
			`TEXT NOT NULL, body TEXT NOT NULL, push TEXT NOT NULL)`,
	} {
		if _, err := p.db.ExecContext(ctx, s); err != nil {
			p.db.Close()
			return nil, fmt.Errorf("make the tables: %w", err)
		}
	}
	return p, nil
}

// handle does all for a webhook whose signature is right.
func (p *plainHandler) handle(ctx context.Context, header http.Header, body []byte) error {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var order struct {
		ID    int64
		Name  string
		Total string `json:"total_price"`
	}
	if err := json.Unmarshal(body, &order); err != nil {
		return err
	}
	shop := header.Get(shopify.HeaderShop)
	done, err := p.db.ExecContext(ctx,
		`INSERT INTO plain_orders (id, shop, name, total, body, push) VALUES ($1, $2, $3, $4, $5, 'owed') `+
			`ON CONFLICT DO NOTHING`,
		order.ID, shop, order.Name, order.Total, string(body))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err // it was here before
	}
	token, err := p.device(ctx, shop)
	if err != nil {
		return err
	}
	if err := p.push(ctx, token, order.ID, order.Name, order.Total); err != nil {
		return err
	}
	_, err = p.db.ExecContext(ctx, `UPDATE plain_orders SET push = 'sent' WHERE id = $1`, order.ID)
	return err
}

// device looks the shop's phone up, and makes it if missing.
func (p *plainHandler) device(ctx context.Context, shop string) (token string, err error) {
	err = p.db.QueryRowContext(ctx, `SELECT token FROM plain_devices WHERE shop = $1`, shop).Scan(&token)
	if err == sql.ErrNoRows {
		token = deviceToken(shop, 0)
		_, err = p.db.ExecContext(ctx,
			`INSERT INTO plain_devices (shop, token) VALUES ($1, $2) ON CONFLICT DO NOTHING`, shop, token)
	}
	return token, err
}

func (p *plainHandler) push(ctx context.Context, token string, order int64, name, total string) error {
	message, err := json.Marshal(map[string]any{"message": map[string]any{
		"token": token, "data": map[string]string{"order_id": fmt.Sprint(order)},
		"notification": map[string]string{"title": "New order " + name, "body": total},
	}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.send, bytes.NewReader(message))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.fcm.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("FCM answers %s", res.Status)
	}
	return nil
}
