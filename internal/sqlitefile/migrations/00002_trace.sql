-- +goose Up
-- The trace that an event belongs to, for its receivers. It is the last column, so
-- that reading the others costs no more than before.
ALTER TABLE events ADD COLUMN trace_parent TEXT; -- W3C's traceparent; NULL when it is not traced

-- +goose Down
ALTER TABLE events DROP COLUMN trace_parent;
