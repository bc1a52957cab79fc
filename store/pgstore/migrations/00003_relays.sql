-- +goose Up
SET LOCAL lock_timeout = '3s';

-- Who passes the stream on to other services. What lies behind a cursor is not
-- dropped yet.
CREATE TABLE relays (
    name    text   PRIMARY KEY,
    origin  text   NOT NULL,                  -- the id of the store that it began in
    cursor  bigint NOT NULL,                  -- the newest change that was passed on
    holder  text   NOT NULL,                  -- the process that works at it
    term    bigint NOT NULL,                  -- grows whenever another takes over
    held_to timestamptz NOT NULL
) WITH (fillfactor = 10);

-- Kinds of changes are order.recorded, order.updated, order.handled, push.settled.
ALTER TABLE changes ADD COLUMN trace_parent text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE changes DROP COLUMN trace_parent;
DROP TABLE relays;
