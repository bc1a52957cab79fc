-- +goose NO TRANSACTION
-- Each statement commits by itself, so that nobody waits for the index who doesn't record.
-- +goose Up
-- How far each shop was compared with Shopify. An older bellhop erases shops without it.
CREATE TABLE IF NOT EXISTS reconciliations (
    shop_id bigint PRIMARY KEY REFERENCES shops ON DELETE CASCADE,
    due     timestamptz,    -- NULL: never
    state   jsonb NOT NULL  -- see bellhop.Reconciliation
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS reconciliations_due ON reconciliations (due) WHERE due IS NOT NULL;

-- What found an order that no webhook brought first: backfill or reconcile.
-- +goose StatementBegin
DO $$ BEGIN
    PERFORM set_config('lock_timeout', '3s', true);
    ALTER TABLE orders ADD COLUMN IF NOT EXISTS found text;
END $$;
-- +goose StatementEnd

-- The orders of a time, to compare with Shopify's. An order that was recorded before has no created_at.
CREATE INDEX IF NOT EXISTS orders_by_creation ON orders (shop_id, coalesce(created_at, placed_at))
WHERE placed_at IS NOT NULL;

-- +goose Down
DROP INDEX orders_by_creation;
ALTER TABLE orders DROP COLUMN found;
DROP TABLE reconciliations;
