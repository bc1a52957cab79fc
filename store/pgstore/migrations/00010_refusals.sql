-- +goose Up
-- Webhooks that were refused within the last hour, in slots of some minutes.
CREATE TABLE refusals (
    slot   timestamptz NOT NULL,
    shop   text NOT NULL, -- '' for all that no shop here sent
    reason text NOT NULL,
    n      bigint NOT NULL,
    at     timestamptz NOT NULL,  -- of the newest
    PRIMARY KEY (slot, shop, reason)
);

-- +goose Down
DROP TABLE refusals;
