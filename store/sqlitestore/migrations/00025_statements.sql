-- +goose Up
-- The shops' chains of statements.
CREATE TABLE statements (
    id       INTEGER PRIMARY KEY,
    shop_id  INTEGER NOT NULL REFERENCES shops,
    number   INTEGER NOT NULL, -- among the shop's, from 1 on
    from_at  INTEGER NOT NULL,
    to_at    INTEGER NOT NULL,
    document TEXT    NOT NULL, -- JSON: see bellhop.Statement
    lines    BLOB,             -- 25 bytes of each line of the ledger that it covers; NULL once they were pruned
    UNIQUE (shop_id, number)
);
-- An older bellhop erases shops without them.
-- +goose StatementBegin
CREATE TRIGGER shops_with_statements_removed AFTER DELETE ON shops BEGIN
    DELETE FROM statements WHERE shop_id = old.id;
END;
-- +goose StatementEnd
CREATE INDEX statements_by_time ON statements (shop_id, to_at, from_at);
CREATE INDEX statements_to_prune ON statements (from_at) WHERE lines IS NOT NULL;

-- The key that signs them: sealed, like the secrets of shops.
CREATE TABLE signing_key (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value TEXT    NOT NULL
);

-- +goose Down
DROP TABLE signing_key;
DROP TRIGGER shops_with_statements_removed;
DROP TABLE statements;
