-- +goose Up
-- Requests to give or forget personal data, and what was done. A shop may be unknown, or erased.
CREATE TABLE privacy_requests (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    shop     TEXT    NOT NULL, -- its domain
    kind     TEXT    NOT NULL,
    outcome  TEXT    NOT NULL, -- '' while it is open
    document TEXT    NOT NULL  -- JSON: see bellhop.PrivacyRequest
);
CREATE INDEX privacy_requests_by_shop ON privacy_requests (shop, id);
CREATE INDEX privacy_requests_open ON privacy_requests (id) WHERE outcome = '';

CREATE TABLE privacy_exports (
    request_id INTEGER PRIMARY KEY REFERENCES privacy_requests,
    until      INTEGER NOT NULL,
    export     BLOB    NOT NULL
);
CREATE INDEX privacy_exports_by_end ON privacy_exports (until);

-- Keyed hashes of whom a shop has to forget: see bellhop.Mark.
CREATE TABLE privacy_marks (
    shop       TEXT    NOT NULL, -- its domain
    mark       BLOB    NOT NULL CHECK (length(mark) = 16),
    until      INTEGER,          -- it counts for orders that were created up to then; NULL for all
    PRIMARY KEY (shop, mark)
) WITHOUT ROWID;

-- The key of the marks: sealed, like the secrets of shops.
CREATE TABLE mark_key (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value TEXT    NOT NULL
);

-- When the personal data of an order was taken away, and whether for a request or for retention.
ALTER TABLE orders ADD COLUMN redacted_at INTEGER;
ALTER TABLE orders ADD COLUMN redacted_for TEXT;

-- +goose Down
ALTER TABLE orders DROP COLUMN redacted_for;
ALTER TABLE orders DROP COLUMN redacted_at;
DROP TABLE mark_key;
DROP TABLE privacy_marks;
DROP TABLE privacy_exports;
DROP TABLE privacy_requests;
