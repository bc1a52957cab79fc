-- +goose Up
-- Every accepted event, and its body for as long as it is kept. Times are
-- microseconds since 1970.
CREATE TABLE events (
    seq              INTEGER PRIMARY KEY,
    id               BLOB NOT NULL UNIQUE, -- UUIDv7: later ones sort later
    shop             TEXT NOT NULL,
    topic            TEXT NOT NULL,
    api_version      TEXT NOT NULL,
    webhook_id       TEXT NOT NULL,
    shopify_event_id TEXT,
    triggered_at     INTEGER,
    accepted_at      INTEGER NOT NULL,
    signed_by        TEXT NOT NULL,
    coding           INTEGER NOT NULL,     -- 0: body as it came; else s2 with this dictionary
    body             BLOB                  -- NULL once it was pruned
);

-- What bodies are compressed with. Rows are never changed or deleted.
CREATE TABLE dictionaries (
    id    INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
);

-- +goose Down
DROP TABLE dictionaries;
DROP TABLE events;
