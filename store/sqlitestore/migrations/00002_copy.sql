-- +goose Up
-- Tells this store from all others, and from which other one it was copied.
CREATE TABLE identity (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    id            TEXT    NOT NULL,
    copied_from   TEXT,                       -- the other store's id; NULL if it is no copy
    copied_mark   TEXT    NOT NULL DEFAULT '', -- what that one was like; '' when the copy is no good
    copy_finished INTEGER NOT NULL DEFAULT 0
);
INSERT INTO identity (one, id) VALUES (1, lower(hex(randomblob(16))));

-- How far the copy has come.
CREATE TABLE copied (
    name TEXT PRIMARY KEY,                    -- of the table
    next TEXT    NOT NULL,                    -- where to go on
    done INTEGER NOT NULL,
    n    INTEGER NOT NULL                     -- rows
) WITHOUT ROWID;

-- +goose Down
DROP TABLE copied;
DROP TABLE identity;
