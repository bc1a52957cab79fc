-- +goose Up
-- What Shopify says of a shop. Secrets are sealed: see the package store/sealed.
ALTER TABLE shops ADD COLUMN name TEXT NOT NULL DEFAULT '';     -- '' is not known, here and below
ALTER TABLE shops ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE shops ADD COLUMN timezone TEXT NOT NULL DEFAULT ''; -- IANA
ALTER TABLE shops ADD COLUMN plan TEXT NOT NULL DEFAULT '';
ALTER TABLE shops ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE shops ADD COLUMN info_at INTEGER;                   -- as of when
ALTER TABLE shops ADD COLUMN uninstalled_at INTEGER;            -- NULL while the app is installed

CREATE TABLE connections (
    shop_id            INTEGER PRIMARY KEY REFERENCES shops,
    grant_type         TEXT    NOT NULL,
    connected_at       INTEGER NOT NULL,
    scopes             TEXT    NOT NULL, -- with commas between
    token              TEXT    NOT NULL, -- sealed; '' for none
    expires_at         INTEGER,          -- NULL: never
    refresh_token      TEXT    NOT NULL, -- sealed; '' for none
    refresh_expires_at INTEGER,
    access             TEXT    NOT NULL, -- good, refused, lost, uninstalled
    reason             TEXT    NOT NULL,
    since              INTEGER NOT NULL, -- of access
    checked_at         INTEGER,
    check_due          INTEGER NOT NULL,
    uninstalled_at     INTEGER,          -- an app/uninstalled that no check has dealt with yet
    subscriptions      TEXT    NOT NULL  -- JSON
);

-- By which a process recognises the key that seals secrets.
CREATE TABLE key_check (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value TEXT    NOT NULL
);

-- When events were accepted: the first and the last one of a shop and topic in each five minutes.
CREATE TABLE heard (
    shop_id  INTEGER NOT NULL,
    topic    TEXT    NOT NULL,
    slot     INTEGER NOT NULL, -- its beginning, in seconds since 1970
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (shop_id, topic, slot)
) WITHOUT ROWID;

-- A lease that follows no stream has no cursor.
CREATE TABLE leases (
    name    TEXT    PRIMARY KEY,
    origin  TEXT    NOT NULL,  -- the id of the store that a relay began in; else ''
    cursor  INTEGER,           -- the newest change that a relay passed on
    holder  TEXT    NOT NULL,
    term    INTEGER NOT NULL,
    held_to INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO leases SELECT name, origin, cursor, holder, term, held_to FROM relays;
DROP TABLE relays;
ALTER TABLE leases RENAME TO relays; -- the name that an older bellhop knows

-- +goose Down
CREATE TABLE leases (
    name    TEXT    PRIMARY KEY,
    origin  TEXT    NOT NULL,
    cursor  INTEGER NOT NULL,
    holder  TEXT    NOT NULL,
    term    INTEGER NOT NULL,
    held_to INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO leases SELECT name, origin, cursor, holder, term, held_to FROM relays WHERE cursor IS NOT NULL;
DROP TABLE relays;
ALTER TABLE leases RENAME TO relays;
DROP TABLE heard;
DROP TABLE key_check;
DROP TABLE connections;
ALTER TABLE shops DROP COLUMN uninstalled_at;
ALTER TABLE shops DROP COLUMN info_at;
ALTER TABLE shops DROP COLUMN email;
ALTER TABLE shops DROP COLUMN plan;
ALTER TABLE shops DROP COLUMN timezone;
ALTER TABLE shops DROP COLUMN currency;
ALTER TABLE shops DROP COLUMN name;
