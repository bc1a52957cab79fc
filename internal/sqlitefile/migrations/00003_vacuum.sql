-- +goose NO TRANSACTION
-- +goose Up
-- Until now deleted data stayed in the file until other data took its place. This writes the file anew
-- without it, once.
VACUUM;

-- +goose Down
SELECT 1;
