-- +goose Up
-- How much of what the owner set was used, as of spent_at, and what a running digest
-- tells of besides new orders.
ALTER TABLE devices ADD COLUMN rung double precision;
ALTER TABLE devices ADD COLUMN gathered_changes bigint;

-- +goose Down
ALTER TABLE devices DROP COLUMN gathered_changes;
ALTER TABLE devices DROP COLUMN rung;
