-- +goose Up
-- Webhooks that were refused within the last hour, in slots of some minutes.
CREATE TABLE refusals (
    slot   INTEGER NOT NULL,
    shop   TEXT NOT NULL, -- '' for all that no shop here sent
    reason TEXT NOT NULL,
    n      INTEGER NOT NULL,
    at     INTEGER NOT NULL,  -- of the newest
    PRIMARY KEY (slot, shop, reason)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE refusals;
