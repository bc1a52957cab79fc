-- +goose Up
-- The search index: which tokens an order has. A text array would serve, but a tsvector finds the
-- beginnings of words, too, without an extension.
-- The column sought is no longer written, and stays for an older bellhop that still runs.
ALTER TABLE orders ADD COLUMN tokens tsvector; -- NULL until an older order is in the index

-- +goose Down
ALTER TABLE orders DROP COLUMN tokens;
