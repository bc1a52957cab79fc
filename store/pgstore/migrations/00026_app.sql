-- +goose Up
-- What its owner calls a device.
ALTER TABLE devices ADD COLUMN name text NOT NULL DEFAULT '';
-- The session that added or refreshed a device; 0 for none.
ALTER TABLE devices ADD COLUMN session_id bigint NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN used_at timestamptz;
ALTER TABLE sessions ADD COLUMN agent text NOT NULL DEFAULT '';
-- Of a session that refreshes, all hashes are SHA-256: of what its refresh tokens have in common, of the one whose
-- turn it is, and of the one before until what it brought is used; with salt that brings the same again.
ALTER TABLE sessions ADD COLUMN family bytea;
ALTER TABLE sessions ADD COLUMN refresh bytea;
ALTER TABLE sessions ADD COLUMN spent bytea;
ALTER TABLE sessions ADD COLUMN salt bytea;
ALTER TABLE sessions ADD COLUMN refresh_until timestamptz;
CREATE UNIQUE INDEX sessions_by_family ON sessions (family) WHERE family IS NOT NULL;
DROP INDEX sessions_by_expiry;
CREATE INDEX sessions_by_end ON sessions (coalesce(refresh_until, expires_at));

-- Whom an order rings until somebody takes it, as JSON; NULL for nobody.
ALTER TABLE shops ADD COLUMN rota text;

-- Who has an order, what was done so that somebody has it, as JSON, and when the next step of that is due.
ALTER TABLE orders ADD COLUMN taken_by bigint;
ALTER TABLE orders ADD COLUMN taken_at timestamptz;
ALTER TABLE orders ADD COLUMN taking text;
ALTER TABLE orders ADD COLUMN ring_at timestamptz;
CREATE INDEX orders_ring ON orders (shop_id, ring_at) WHERE ring_at IS NOT NULL;

-- +goose Down
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
