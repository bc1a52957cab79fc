-- +goose NO TRANSACTION
-- +goose Up
-- The orders with personal data by their last change: see OldOrders.
CREATE INDEX IF NOT EXISTS orders_personal ON orders (updated_at) WHERE placed_at IS NOT NULL AND redacted_at IS NULL;

-- +goose Down
DROP INDEX orders_personal;
