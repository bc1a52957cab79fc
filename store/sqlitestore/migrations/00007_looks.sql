-- +goose Up
-- Who looked at personal data that is masked otherwise.
CREATE TABLE looks (
    id    INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL,
    email TEXT    NOT NULL,
    what  TEXT    NOT NULL, -- dead_letter.body
    about TEXT    NOT NULL  -- the event's id
);
CREATE INDEX looks_about ON looks (about, id);

-- +goose Down
DROP TABLE looks;
