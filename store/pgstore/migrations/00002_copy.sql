-- +goose Up
SET LOCAL lock_timeout = '3s';

-- Tells this store from all others, and from which other one it was copied.
CREATE TABLE identity (
    one           boolean PRIMARY KEY CHECK (one),
    id            text    NOT NULL,
    copied_from   text,                        -- the other store's id; NULL if it is no copy
    copied_mark   text    NOT NULL DEFAULT '', -- what that one was like; '' when the copy is no good
    copy_finished boolean NOT NULL DEFAULT false
);
INSERT INTO identity (one, id) VALUES (true, gen_random_uuid()::text);

-- How far the copy has come.
CREATE TABLE copied (
    name text    PRIMARY KEY,                  -- of the table
    next text    NOT NULL,                     -- where to go on
    done boolean NOT NULL,
    n    bigint  NOT NULL                      -- rows
);

-- +goose Down
DROP TABLE copied;
DROP TABLE identity;
