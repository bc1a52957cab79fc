-- +goose NO TRANSACTION
-- Each statement commits by itself, so that recording waits for one index at a time. Webhooks are
-- accepted meanwhile.
-- +goose Up
-- Each filter of a list has an index of its own, in the order of the list; orders_unsought has the
-- orders that are not in the search index yet: see CatchUp.
CREATE INDEX IF NOT EXISTS orders_by_token ON orders USING gin (tokens);
CREATE INDEX IF NOT EXISTS orders_by_handling ON orders (shop_id, handling, placed_at, order_id) WHERE placed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_by_payment ON orders (shop_id, financial_status, placed_at, order_id)
WHERE placed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_by_fulfillment ON orders (shop_id, fulfillment_status, placed_at, order_id)
WHERE placed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_by_update ON orders (shop_id, updated_at, order_id) WHERE placed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_test ON orders (shop_id, placed_at, order_id) WHERE test;
CREATE INDEX IF NOT EXISTS orders_unsought ON orders (shop_id, order_id)
WHERE tokens IS NULL AND placed_at IS NOT NULL;

-- +goose Down
DROP INDEX orders_unsought;
DROP INDEX orders_test;
DROP INDEX orders_by_update;
DROP INDEX orders_by_fulfillment;
DROP INDEX orders_by_payment;
DROP INDEX orders_by_handling;
DROP INDEX orders_by_token;
