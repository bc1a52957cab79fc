-- +goose Up
-- The log of accesses is for a shop's owners, too.
ALTER TABLE looks ADD COLUMN shop TEXT NOT NULL DEFAULT '';  -- its domain; '' from an older bellhop
ALTER TABLE looks ADD COLUMN n INTEGER NOT NULL DEFAULT 1;   -- how many orders, or how often
UPDATE looks SET shop = substr(about, 1, instr(about, '/') - 1) WHERE instr(about, '/') > 0;
UPDATE looks SET shop = coalesce((SELECT e.shop FROM events e WHERE e.id = unhex(replace(about, '-', ''))), '')
WHERE shop = '';
UPDATE looks SET n = (SELECT count(*) FROM looks o WHERE (o.about, o.at, o.email, o.what) =
    (looks.about, looks.at, looks.email, looks.what));
DELETE FROM looks WHERE EXISTS (SELECT 1 FROM looks o WHERE (o.about, o.at, o.email, o.what) =
    (looks.about, looks.at, looks.email, looks.what) AND o.id < looks.id);
CREATE UNIQUE INDEX looks_of_shop ON looks (shop, at, email, what, about) WHERE shop <> '';
CREATE INDEX looks_by_time ON looks (at);

-- +goose Down
DROP INDEX looks_by_time;
DROP INDEX looks_of_shop;
ALTER TABLE looks DROP COLUMN n;
ALTER TABLE looks DROP COLUMN shop;
