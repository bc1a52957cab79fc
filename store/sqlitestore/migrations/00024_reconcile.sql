-- +goose Up
-- How far each shop was compared with Shopify.
CREATE TABLE reconciliations (
    shop_id INTEGER PRIMARY KEY REFERENCES shops,
    due     INTEGER,       -- NULL: never
    state   TEXT NOT NULL  -- JSON: see bellhop.Reconciliation
);
CREATE INDEX reconciliations_due ON reconciliations (due) WHERE due IS NOT NULL;

-- An older bellhop erases shops without it.
-- +goose StatementBegin
CREATE TRIGGER shops_removed AFTER DELETE ON shops BEGIN
    DELETE FROM reconciliations WHERE shop_id = old.id;
END;
-- +goose StatementEnd

-- What found an order that no webhook brought first: backfill or reconcile.
ALTER TABLE orders ADD COLUMN found TEXT;

-- The orders of a time, to compare with Shopify's. An order that was recorded before has no created_at.
CREATE INDEX orders_by_creation ON orders (shop_id, coalesce(created_at, placed_at), order_id)
WHERE placed_at IS NOT NULL;

-- +goose Down
DROP INDEX orders_by_creation;
ALTER TABLE orders DROP COLUMN found;
DROP TRIGGER shops_removed;
DROP TABLE reconciliations;
