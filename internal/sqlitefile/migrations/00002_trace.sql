-- +goose Up
-- The trace that an event belongs to, for whoever it is handed out to. It is the
-- last column: those that are read without it cost what they did.
ALTER TABLE events ADD COLUMN trace_parent TEXT; -- W3C's traceparent; NULL when it is not traced

-- +goose Down
ALTER TABLE events DROP COLUMN trace_parent;
