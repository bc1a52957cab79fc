-- +goose Up
-- Claims serve the shops in turn. The first index finds shops with due pushes, the
-- second the pushes of each.
DROP INDEX pushes_due;
CREATE INDEX pushes_due ON pushes (next_at, shop_id) WHERE next_at IS NOT NULL;
CREATE INDEX pushes_due_by_shop ON pushes (shop_id, next_at) WHERE next_at IS NOT NULL;

-- Orders that owe a push to each of so many devices that they are written in
-- portions: to those from after_id on, up to last_id, which was the newest then.
CREATE TABLE fanouts (
    id         INTEGER PRIMARY KEY,
    shop_id    INTEGER NOT NULL,
    order_no   INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    after_id   INTEGER NOT NULL,
    last_id    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (shop_id, order_no, kind)
);
CREATE INDEX devices_in_use ON devices (shop_id) WHERE retired_at IS NULL; -- and by id

-- +goose Down
DROP INDEX devices_in_use;
DROP TABLE fanouts;
DROP INDEX pushes_due_by_shop;
DROP INDEX pushes_due;
CREATE INDEX pushes_due ON pushes (next_at) WHERE next_at IS NOT NULL;
