-- +goose Up
-- Who passes the stream on to other services. What lies behind a cursor is not
-- dropped yet.
CREATE TABLE relays (
    name    TEXT    PRIMARY KEY,
    origin  TEXT    NOT NULL,                 -- the id of the store that it began in
    cursor  INTEGER NOT NULL,                 -- the newest change that was passed on
    holder  TEXT    NOT NULL,                 -- the process that works at it
    term    INTEGER NOT NULL,                 -- grows whenever another takes over
    held_to INTEGER NOT NULL
) WITHOUT ROWID;

-- Kinds of changes are order.recorded, order.updated, order.handled, push.settled.
ALTER TABLE changes ADD COLUMN trace_parent TEXT;

-- +goose Down
ALTER TABLE changes DROP COLUMN trace_parent;
DROP TABLE relays;
