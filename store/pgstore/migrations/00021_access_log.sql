-- +goose Up
SET LOCAL lock_timeout = '3s';

-- The log of accesses is for a shop's owners, too.
ALTER TABLE looks ADD COLUMN shop text NOT NULL DEFAULT ''; -- its domain; '' from an older bellhop
ALTER TABLE looks ADD COLUMN n bigint NOT NULL DEFAULT 1;   -- how many orders, or how often
UPDATE looks SET shop = split_part(about, '/', 1) WHERE about LIKE '%/%';
UPDATE looks SET shop = e.shop FROM events e WHERE looks.shop = '' AND e.id =
    CASE WHEN about ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN about::uuid END;
UPDATE looks SET n = same.n FROM (SELECT min(id) AS id, count(*) AS n FROM looks GROUP BY about, at, email, what) AS same
WHERE same.id = looks.id AND same.n > 1;
DELETE FROM looks WHERE id NOT IN (SELECT min(id) FROM looks GROUP BY about, at, email, what);
CREATE UNIQUE INDEX looks_of_shop ON looks (shop, at, email, what, about) WHERE shop <> '';
CREATE INDEX looks_by_time ON looks (at);

-- +goose Down
DROP INDEX looks_by_time;
DROP INDEX looks_of_shop;
ALTER TABLE looks DROP COLUMN n;
ALTER TABLE looks DROP COLUMN shop;
