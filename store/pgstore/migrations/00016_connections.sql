-- +goose Up
SET LOCAL lock_timeout = '3s';

-- What Shopify says of a shop. Secrets are sealed: see the package store/sealed.
ALTER TABLE shops
    ADD COLUMN name           text NOT NULL DEFAULT '', -- '' is not known, here and below
    ADD COLUMN currency       text NOT NULL DEFAULT '',
    ADD COLUMN timezone       text NOT NULL DEFAULT '', -- IANA
    ADD COLUMN plan           text NOT NULL DEFAULT '',
    ADD COLUMN email          text NOT NULL DEFAULT '',
    ADD COLUMN info_at        timestamptz,              -- as of when
    ADD COLUMN uninstalled_at timestamptz;              -- NULL while the app is installed

CREATE TABLE connections (
    shop_id            bigint PRIMARY KEY REFERENCES shops,
    grant_type         text   NOT NULL,
    connected_at       timestamptz NOT NULL,
    scopes             text   NOT NULL, -- with commas between
    token              text   NOT NULL, -- sealed; '' for none
    expires_at         timestamptz,     -- NULL: never
    refresh_token      text   NOT NULL, -- sealed; '' for none
    refresh_expires_at timestamptz,
    access             text   NOT NULL, -- good, refused, lost, uninstalled
    reason             text   NOT NULL,
    since              timestamptz NOT NULL, -- of access
    checked_at         timestamptz,
    check_due          timestamptz NOT NULL,
    uninstalled_at     timestamptz,     -- an app/uninstalled that no check has dealt with yet
    subscriptions      text   NOT NULL  -- JSON
) WITH (fillfactor = 70);

-- By which a process recognises the key that seals secrets.
CREATE TABLE key_check (
    one   boolean PRIMARY KEY CHECK (one),
    value text    NOT NULL
);

-- When events were accepted: the first and the last one of a shop and topic in each five minutes.
CREATE TABLE heard (
    shop_id  bigint NOT NULL,
    topic    text   NOT NULL,
    slot     bigint NOT NULL, -- its beginning, in seconds since 1970
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (shop_id, topic, slot)
) WITH (fillfactor = 50); -- room for the updates that each batch of events brings

-- The table of relays has the leases, too: those that follow no stream have no cursor.
ALTER TABLE relays ALTER COLUMN cursor DROP NOT NULL;

-- +goose Down
DELETE FROM relays WHERE cursor IS NULL;
ALTER TABLE relays ALTER COLUMN cursor SET NOT NULL;
DROP TABLE heard;
DROP TABLE key_check;
DROP TABLE connections;
ALTER TABLE shops
    DROP COLUMN uninstalled_at,
    DROP COLUMN info_at,
    DROP COLUMN email,
    DROP COLUMN plan,
    DROP COLUMN timezone,
    DROP COLUMN currency,
    DROP COLUMN name;
