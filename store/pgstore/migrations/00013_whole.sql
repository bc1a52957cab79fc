-- +goose Up
-- The whole order. details and history are JSON documents: see bellhop.Details and bellhop.History.
-- An order that was recorded before has no details, and its lines in the table items. Its
-- created_at is its placed_at, and it comes to its total.
ALTER TABLE orders
    ADD COLUMN created_at     timestamptz,
    ADD COLUMN created_offset bigint,
    ADD COLUMN current_total  text,
    ADD COLUMN pieces         bigint,  -- that it now has; lines counts its lines
    ADD COLUMN details        jsonb,
    ADD COLUMN history        jsonb;   -- NULL where nothing happened
-- edit_id is no longer written, and stays for an older bellhop that still runs; refund_id stays as it is.
-- The kind of a push for a refund names the refund behind a colon.

DROP VIEW order_items;
CREATE VIEW order_items AS
SELECT o.shop_id, o.order_id, o.name AS order_name, i.nr - 1 AS position, (i.item ->> 'id')::bigint AS item_id,
       coalesce(i.item ->> 'title', '') AS title, coalesce(i.item ->> 'variant', '') AS variant,
       coalesce(i.item ->> 'sku', '') AS sku, (i.item ->> 'quantity')::bigint AS quantity,
       (i.item ->> 'current')::bigint AS current_quantity, coalesce(i.item ->> 'price', '0') AS price, o.currency
FROM orders o CROSS JOIN LATERAL jsonb_array_elements(o.details -> 'items') WITH ORDINALITY AS i(item, nr)
UNION ALL
SELECT o.shop_id, o.order_id, o.name, i.position, i.item_id, i.title, i.variant, i.sku, i.quantity, i.quantity,
       i.price, o.currency
FROM orders o JOIN items i USING (shop_id, order_id) WHERE o.details IS NULL;

-- +goose Down
DROP VIEW order_items;
CREATE VIEW order_items AS
SELECT o.shop_id, o.order_id, o.name AS order_name, i.position, i.item_id, i.title, i.variant, i.sku, i.quantity,
       i.price, o.currency
FROM orders o JOIN items i USING (shop_id, order_id);
ALTER TABLE orders
    DROP COLUMN history,
    DROP COLUMN details,
    DROP COLUMN pieces,
    DROP COLUMN current_total,
    DROP COLUMN created_offset,
    DROP COLUMN created_at;
