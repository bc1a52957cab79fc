-- +goose Up
-- What its owner calls a device.
ALTER TABLE devices ADD COLUMN name TEXT NOT NULL DEFAULT '';
-- The session that added or refreshed a device; 0 for none.
ALTER TABLE devices ADD COLUMN session_id INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN used_at INTEGER;
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
-- Of a session that refreshes, all hashes are SHA-256: of what its refresh tokens have in common, of the one whose
-- turn it is, and of the one before until what it brought is used; with salt that brings the same again.
ALTER TABLE sessions ADD COLUMN family BLOB;
ALTER TABLE sessions ADD COLUMN refresh BLOB;
ALTER TABLE sessions ADD COLUMN spent BLOB;
ALTER TABLE sessions ADD COLUMN salt BLOB;
ALTER TABLE sessions ADD COLUMN refresh_until INTEGER;
CREATE UNIQUE INDEX sessions_by_family ON sessions (family) WHERE family IS NOT NULL;
DROP INDEX sessions_by_expiry;
CREATE INDEX sessions_by_end ON sessions (coalesce(refresh_until, expires_at));

-- Whom an order rings until somebody takes it, as JSON; NULL for nobody.
ALTER TABLE shops ADD COLUMN rota TEXT;

-- Who has an order, what was done so that somebody has it, as JSON, and when the next step of that is due.
ALTER TABLE orders ADD COLUMN taken_by INTEGER;
ALTER TABLE orders ADD COLUMN taken_at INTEGER;
ALTER TABLE orders ADD COLUMN taking TEXT;
ALTER TABLE orders ADD COLUMN ring_at INTEGER;
CREATE INDEX orders_ring ON orders (shop_id, ring_at) WHERE ring_at IS NOT NULL;

-- What changes with an Idempotency-Key were answered. Nothing of customers is among it.
CREATE TABLE answers (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- an earlier one of the key must not end this one
    owner    TEXT    NOT NULL,                  -- "person/1", or "token/" with the hash of an API token
    key      BLOB    NOT NULL CHECK (length(key) = 32),     -- SHA-256, like the next
    request  BLOB    NOT NULL CHECK (length(request) = 32),
    shop     TEXT    NOT NULL,                  -- that it is about; '' for none
    begun_at INTEGER NOT NULL,
    status   INTEGER NOT NULL DEFAULT 0,        -- 0 while it is under way
    size     INTEGER NOT NULL DEFAULT 0,
    type     TEXT    NOT NULL DEFAULT '',
    location TEXT    NOT NULL DEFAULT '',
    body     BLOB,
    UNIQUE (owner, key)
);
CREATE INDEX answers_by_owner ON answers (owner, id DESC, size);
CREATE INDEX answers_by_time ON answers (begun_at);
CREATE INDEX answers_by_shop ON answers (shop) WHERE shop <> '';
-- +goose StatementBegin
CREATE TRIGGER people_with_answers_removed AFTER DELETE ON people BEGIN
    DELETE FROM answers WHERE owner = 'person/' || old.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tokens_with_answers_removed AFTER DELETE ON tokens BEGIN
    DELETE FROM answers WHERE owner = 'token/' || lower(hex(old.hash));
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER operator_tokens_with_answers_removed AFTER DELETE ON operator_tokens BEGIN
    DELETE FROM answers WHERE owner = 'token/' || lower(hex(old.hash));
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER shops_with_answers_removed AFTER DELETE ON shops BEGIN
    DELETE FROM answers WHERE shop = old.domain AND shop <> '';
END;
-- +goose StatementEnd

-- Of a link that was mailed: argon2id of the code that was mailed with it, and how often somebody tried a code.
ALTER TABLE links ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE links ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
-- When the last mail to sign in was made, and when networks that are strange to the person, and known ones, can have
-- all of theirs made again.
ALTER TABLE people ADD COLUMN mailed_at INTEGER;
ALTER TABLE people ADD COLUMN mails_strangers INTEGER;
ALTER TABLE people ADD COLUMN mails_known INTEGER;

-- +goose Down
DELETE FROM links WHERE code <> '';
ALTER TABLE people DROP COLUMN mails_known;
ALTER TABLE people DROP COLUMN mails_strangers;
ALTER TABLE people DROP COLUMN mailed_at;
ALTER TABLE links DROP COLUMN tries;
ALTER TABLE links DROP COLUMN code;
DROP TRIGGER shops_with_answers_removed;
DROP TRIGGER operator_tokens_with_answers_removed;
DROP TRIGGER tokens_with_answers_removed;
DROP TRIGGER people_with_answers_removed;
DROP TABLE answers;
DROP INDEX orders_ring;
ALTER TABLE orders DROP COLUMN ring_at;
ALTER TABLE orders DROP COLUMN taking;
ALTER TABLE orders DROP COLUMN taken_at;
ALTER TABLE orders DROP COLUMN taken_by;
ALTER TABLE shops DROP COLUMN rota;
DELETE FROM sessions WHERE family IS NOT NULL;
DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
DROP INDEX sessions_by_family;
ALTER TABLE sessions DROP COLUMN refresh_until;
ALTER TABLE sessions DROP COLUMN salt;
ALTER TABLE sessions DROP COLUMN spent;
ALTER TABLE sessions DROP COLUMN refresh;
ALTER TABLE sessions DROP COLUMN family;
ALTER TABLE sessions DROP COLUMN agent;
ALTER TABLE sessions DROP COLUMN used_at;
ALTER TABLE devices DROP COLUMN session_id;
ALTER TABLE devices DROP COLUMN name;
