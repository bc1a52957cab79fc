-- +goose Up
SET LOCAL lock_timeout = '3s';

-- The shops' chains of statements.
CREATE TABLE statements (
    shop_id  bigint      NOT NULL REFERENCES shops,
    number   bigint      NOT NULL, -- among the shop's, from 1 on
    from_at  timestamptz NOT NULL,
    to_at    timestamptz NOT NULL,
    document text        NOT NULL, -- JSON: see bellhop.Statement
    lines    bytea,                -- 25 bytes of each line of the ledger that it covers; NULL once they were pruned
    PRIMARY KEY (shop_id, number)
);
ALTER TABLE statements ALTER COLUMN lines SET STORAGE EXTERNAL; -- ids and times don't compress
CREATE INDEX statements_to_prune ON statements (from_at) WHERE lines IS NOT NULL;

-- The key that signs them: sealed, like the secrets of shops.
CREATE TABLE signing_key (
    one   boolean PRIMARY KEY CHECK (one),
    value text    NOT NULL
);

-- +goose Down
DROP TABLE signing_key;
DROP TABLE statements;
