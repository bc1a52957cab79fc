-- +goose Up
-- What its owner calls a device.
ALTER TABLE devices ADD COLUMN name text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE devices DROP COLUMN name;
