-- +goose Up
ALTER TABLE people ADD COLUMN settings TEXT NOT NULL DEFAULT ''; -- what they chose, as JSON; '' for nothing
CREATE TABLE links (
    hash       BLOB    PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256; the secret is nowhere
    person_id  INTEGER NOT NULL REFERENCES people,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX links_by_person ON links (person_id);
CREATE INDEX orders_cancelled ON orders (shop_id, placed_at, order_id) WHERE cancelled_at IS NOT NULL;

-- +goose Down
DROP INDEX orders_cancelled;
DROP TABLE links;
ALTER TABLE people DROP COLUMN settings;
