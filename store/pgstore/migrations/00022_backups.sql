-- +goose Up
SET LOCAL lock_timeout = '3s';

-- Backups that were made, so that a request for personal data can name those that still hold it.
CREATE TABLE backups (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text   NOT NULL, -- without a path
    made_at timestamptz NOT NULL,
    until   timestamptz      -- when it is deleted; NULL if nobody said so
);

-- +goose Down
DROP TABLE backups;
