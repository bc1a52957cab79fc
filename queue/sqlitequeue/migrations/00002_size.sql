-- +goose Up
-- How many bytes the body has once it is unpacked, so that a batch is bounded by
-- them. 0: look at the body.
ALTER TABLE waiting ADD COLUMN size INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE waiting DROP COLUMN size;
