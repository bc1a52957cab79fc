-- +goose Up
-- From when on a push that fails is tried again, and for how long.
ALTER TABLE pushes ADD COLUMN first_attempt_at INTEGER; -- NULL before it

-- +goose Down
ALTER TABLE pushes DROP COLUMN first_attempt_at;
