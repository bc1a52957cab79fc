-- +goose Up
-- The search index: which tokens an order has. It keeps no text; a row's id is the order's no.
CREATE VIRTUAL TABLE search USING fts5 (tokens, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
-- Merging later and more at once, and larger pages, make adding cheaper by a third.
INSERT INTO search (search, rank) VALUES ('automerge', 16), ('pgsz', 16000);
ALTER TABLE orders ADD COLUMN sought INTEGER; -- a hash of its tokens; NULL until an older order is in the index

-- +goose Down
ALTER TABLE orders DROP COLUMN sought;
DROP TABLE search;
