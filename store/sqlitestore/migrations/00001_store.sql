-- +goose Up
-- Times are microseconds since 1970, in UTC; *_offset is the offset from UTC in
-- seconds in which a time was written. Amounts of money are decimals as text, so
-- that they stay exact. 0 and 1 stand for no and yes.

CREATE TABLE shops (
    id               INTEGER PRIMARY KEY,
    domain           TEXT    NOT NULL UNIQUE, -- NAME.myshopify.com, lower case
    disabled         INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    secret           TEXT    NOT NULL,        -- the shop's own signing secret; '' for none
    previous_secret  TEXT    NOT NULL,
    own_secret_only  INTEGER NOT NULL CHECK (own_secret_only IN (0, 1)),
    customer_in_push INTEGER NOT NULL CHECK (customer_in_push IN (0, 1)),
    added_at         INTEGER NOT NULL,
    last_event_at    INTEGER,                 -- when its newest webhook was accepted
    last_signed_by   TEXT
);

-- AUTOINCREMENT: the id of somebody who was removed names nobody else.
CREATE TABLE people (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT    NOT NULL UNIQUE,    -- lower case
    role          TEXT    NOT NULL CHECK (role IN ('owner', 'operator')),
    shop_id       INTEGER REFERENCES shops,   -- NULL for an operator
    password_hash TEXT    NOT NULL,
    added_at      INTEGER NOT NULL,
    CHECK ((role = 'owner') = (shop_id IS NOT NULL))
);
CREATE INDEX people_by_shop ON people (shop_id);

CREATE TABLE sessions (
    token_hash BLOB    PRIMARY KEY CHECK (length(token_hash) = 32), -- SHA-256; the token is nowhere
    person_id  INTEGER NOT NULL REFERENCES people,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (person_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    shop_id      INTEGER NOT NULL REFERENCES shops,
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,                     -- to the minute
    UNIQUE (shop_id, name)
);

CREATE TABLE devices (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    shop_id      INTEGER NOT NULL REFERENCES shops,
    person_id    INTEGER NOT NULL,            -- 0 when it was added with an API token
    installation TEXT    NOT NULL,            -- the app's own id of the installation
    kind         TEXT    NOT NULL CHECK (kind IN ('token', 'fid', 'webpush')),
    value        TEXT    NOT NULL,            -- the address
    platform     TEXT    NOT NULL CHECK (platform IN ('android', 'ios', 'web')),
    form         TEXT    NOT NULL CHECK (form IN ('notification', 'data')),
    locale       TEXT    NOT NULL,
    timezone     TEXT    NOT NULL,
    added_at     INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    retired_at   INTEGER,                     -- NULL while it is in use
    retired_for  TEXT,
    -- What is left of its budget: so many messages were spent, as of a time; no
    -- further one before free_at.
    spent        TEXT,
    spent_at     INTEGER,
    free_at      INTEGER,
    -- The running digest: what its one message stands for.
    gathered_orders   INTEGER,
    gathered_total    TEXT,
    gathered_currency TEXT,
    gathered_since    INTEGER,
    UNIQUE (shop_id, installation)
);
CREATE INDEX devices_by_address ON devices (value);
CREATE INDEX devices_by_person ON devices (person_id);

-- An order, a tombstone (deleted = 1), or what came before its order: only an
-- order has a placed_at.
CREATE TABLE orders (
    no                   INTEGER PRIMARY KEY,
    shop_id              INTEGER NOT NULL,
    order_id             INTEGER NOT NULL,    -- Shopify's
    -- What decides which of two deliveries is newer.
    deleted              INTEGER NOT NULL,
    version_updated_at   INTEGER,
    version_triggered_at INTEGER,
    version_hash         INTEGER,             -- of the body; unsigned 64 bits
    edit_at              INTEGER,             -- the newest edit
    edit_id              INTEGER,
    refund_at            INTEGER,             -- the newest refund
    refund_id            INTEGER,
    -- What the order says.
    handling             TEXT,                -- new, seen, handled: the owner's
    placed_at            INTEGER,
    placed_offset        INTEGER,
    updated_at           INTEGER,
    updated_offset       INTEGER,
    cancelled_at         INTEGER,
    name                 TEXT,
    number               INTEGER,
    currency             TEXT,                -- also of the items
    total                TEXT,
    presentment_currency TEXT,                -- NULL when the buyer saw the same
    presentment_total    TEXT,
    customer_name        TEXT,
    customer_email       TEXT,
    note                 TEXT,
    financial_status     TEXT,
    fulfillment_status   TEXT,
    test                 INTEGER,
    lines                INTEGER,             -- how many items
    -- The event that first brought it.
    triggered_at         INTEGER,
    accepted_at          INTEGER,
    recorded_at          INTEGER,
    UNIQUE (shop_id, order_id)
);
CREATE INDEX orders_list ON orders (shop_id, placed_at, order_id, handling) WHERE placed_at IS NOT NULL;

-- key is the order's no * 65536 + the line's position: rows that come in the
-- order of their integer key are the cheapest to add. See order_items.
CREATE TABLE items (
    key      INTEGER PRIMARY KEY,
    item_id  INTEGER NOT NULL,                -- Shopify's
    title    TEXT    NOT NULL,
    variant  TEXT    NOT NULL,
    sku      TEXT    NOT NULL,
    quantity INTEGER NOT NULL,
    price    TEXT    NOT NULL                 -- of one
);
CREATE VIEW order_items AS
SELECT o.shop_id, o.order_id, o.name AS order_name, i.key % 65536 AS position, i.item_id, i.title, i.variant, i.sku,
       i.quantity, i.price, o.currency
FROM orders o JOIN items i ON i.key BETWEEN o.no * 65536 AND o.no * 65536 + 65535;

-- The outbox and the delivery log. A push is on its way while it has a next_at.
CREATE TABLE pushes (
    id             INTEGER PRIMARY KEY,
    shop_id        INTEGER NOT NULL,
    order_no       INTEGER NOT NULL,
    device_id      INTEGER NOT NULL,          -- 0: there was no device
    kind           TEXT    NOT NULL,
    status         TEXT    NOT NULL,          -- pending, sending, sent, unknown, failed, skipped
    attempts       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    next_at        INTEGER,                   -- when it is due, or its lease runs out
    reason         TEXT,
    sent_at        INTEGER,
    received_at    INTEGER,
    opened_at      INTEGER,
    gathered_since INTEGER,                   -- which digest of the device counts it
    UNIQUE (shop_id, order_no, device_id, kind)
);
CREATE INDEX pushes_due ON pushes (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX pushes_in_trouble ON pushes (shop_id, status, order_no)
WHERE status NOT BETWEEN 'pending' AND 'sent'; -- failed, skipped, unknown; an IN of three costs 2 µs an insert
CREATE TABLE push_totals (
    status TEXT PRIMARY KEY,
    n      INTEGER NOT NULL
) WITHOUT ROWID;

-- What became of each event.
CREATE TABLE ledger (
    seq      INTEGER PRIMARY KEY,             -- the event's, in events
    outcome  TEXT    NOT NULL,                -- recorded, duplicate, stale, skipped, dead
    at       INTEGER NOT NULL,
    order_id INTEGER,                         -- NULL when it is about none
    reason   TEXT
);
CREATE INDEX ledger_by_order ON ledger (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX ledger_in_trouble ON ledger (outcome) WHERE outcome IN ('skipped', 'dead');
CREATE TABLE ledger_totals (
    outcome TEXT PRIMARY KEY,
    n       INTEGER NOT NULL
) WITHOUT ROWID;

-- Up to which event of the archive bodies were looked through to be dropped.
CREATE TABLE pruned (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
);
INSERT INTO pruned VALUES (1, 0);

-- The stream of changes. Only the newest stay.
CREATE TABLE changes (
    seq      INTEGER PRIMARY KEY,
    kind     TEXT    NOT NULL,                -- order.recorded, order.updated, push.settled
    shop_id  INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    push_id  INTEGER,
    at       INTEGER NOT NULL
);

-- +goose Down
DROP TABLE changes;
DROP TABLE pruned;
DROP TABLE ledger_totals;
DROP TABLE ledger;
DROP TABLE push_totals;
DROP TABLE pushes;
DROP VIEW order_items;
DROP TABLE items;
DROP TABLE orders;
DROP TABLE devices;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE people;
DROP TABLE shops;
