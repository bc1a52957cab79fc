-- +goose Up
-- Operators look for an order by its name, in all shops or in one.
CREATE INDEX orders_by_name ON orders (shop_id, name) WHERE name IS NOT NULL;

-- +goose Down
DROP INDEX orders_by_name;
