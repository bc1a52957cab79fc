-- +goose Up
SET LOCAL lock_timeout = '3s';

-- The trace of the event that first brought an order, for the pushes that it owes.
ALTER TABLE orders ADD COLUMN trace_parent text; -- W3C's traceparent; NULL when it is not traced

-- +goose Down
ALTER TABLE orders DROP COLUMN trace_parent;
