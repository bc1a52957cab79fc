-- +goose Up
-- The whole order. details and history are JSON documents: see bellhop.Details and bellhop.History.
-- An order that was recorded before has no details, and its lines in the table items. Its
-- created_at is its placed_at, and it comes to its total.
ALTER TABLE orders ADD COLUMN created_at INTEGER;
ALTER TABLE orders ADD COLUMN created_offset INTEGER;
ALTER TABLE orders ADD COLUMN current_total TEXT;
ALTER TABLE orders ADD COLUMN pieces INTEGER;  -- that it now has; lines counts its lines
ALTER TABLE orders ADD COLUMN details TEXT;
ALTER TABLE orders ADD COLUMN history TEXT;    -- NULL where nothing happened

-- edit_id is no longer written, and refund_id stays as it is. The kind of a push for a refund names the
-- refund behind a colon.

DROP VIEW order_items;
CREATE VIEW order_items AS
SELECT o.shop_id, o.order_id, o.name AS order_name, i.key AS position, i.value ->> 'id' AS item_id,
       coalesce(i.value ->> 'title', '') AS title, coalesce(i.value ->> 'variant', '') AS variant,
       coalesce(i.value ->> 'sku', '') AS sku, i.value ->> 'quantity' AS quantity,
       i.value ->> 'current' AS current_quantity, coalesce(i.value ->> 'price', '0') AS price, o.currency
FROM orders o, json_each(o.details, '$.items') i
UNION ALL
SELECT o.shop_id, o.order_id, o.name, i.key % 65536, i.item_id, i.title, i.variant, i.sku, i.quantity, i.quantity,
       i.price, o.currency
FROM orders o JOIN items i ON i.key BETWEEN o.no * 65536 AND o.no * 65536 + 65535 WHERE o.details IS NULL;

-- +goose Down
DROP VIEW order_items;
CREATE VIEW order_items AS
SELECT o.shop_id, o.order_id, o.name AS order_name, i.key % 65536 AS position, i.item_id, i.title, i.variant, i.sku,
       i.quantity, i.price, o.currency
FROM orders o JOIN items i ON i.key BETWEEN o.no * 65536 AND o.no * 65536 + 65535;
ALTER TABLE orders DROP COLUMN history;
ALTER TABLE orders DROP COLUMN details;
ALTER TABLE orders DROP COLUMN pieces;
ALTER TABLE orders DROP COLUMN current_total;
ALTER TABLE orders DROP COLUMN created_offset;
ALTER TABLE orders DROP COLUMN created_at;
