-- +goose Up
-- The search index: which tokens an order has. A text array would serve, but a tsvector finds the
-- beginnings of words, too, without an extension.
ALTER TABLE orders
    DROP COLUMN sought,
    ADD COLUMN tokens tsvector; -- NULL while it is not in the index
CREATE INDEX orders_by_token ON orders USING gin (tokens);

-- Each filter of a list has an index of its own, in the order of the list.
CREATE INDEX orders_by_handling ON orders (shop_id, handling, placed_at, order_id) WHERE placed_at IS NOT NULL;
CREATE INDEX orders_by_payment ON orders (shop_id, financial_status, placed_at, order_id) WHERE placed_at IS NOT NULL;
CREATE INDEX orders_by_fulfillment ON orders (shop_id, fulfillment_status, placed_at, order_id)
WHERE placed_at IS NOT NULL;
CREATE INDEX orders_by_update ON orders (shop_id, updated_at, order_id) WHERE placed_at IS NOT NULL;
CREATE INDEX orders_test ON orders (shop_id, placed_at, order_id) WHERE test;

-- +goose Down
DROP INDEX orders_test;
DROP INDEX orders_by_update;
DROP INDEX orders_by_fulfillment;
DROP INDEX orders_by_payment;
DROP INDEX orders_by_handling;
ALTER TABLE orders
    DROP COLUMN tokens,
    ADD COLUMN sought text;
