-- +goose Up
-- Backups that were made, so that a request for personal data can name those that still hold it.
CREATE TABLE backups (
    id      INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL, -- without a path
    made_at INTEGER NOT NULL,
    until   INTEGER           -- when it is deleted; NULL if nobody said so
);

-- +goose Down
DROP TABLE backups;
