-- +goose Up
CREATE TABLE queues (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    visibility_us INTEGER NOT NULL, -- how long a lease lasts, in microseconds
    max_attempts  INTEGER NOT NULL
);

-- A lane for each shop, so that receivers can take from all in turn.
CREATE TABLE lanes (
    id   INTEGER PRIMARY KEY,
    shop TEXT NOT NULL UNIQUE
);

-- What has not been handed out yet. The bodies are in events.
CREATE TABLE waiting (
    queue INTEGER NOT NULL,
    lane  INTEGER NOT NULL,
    seq   INTEGER NOT NULL, -- events.seq
    PRIMARY KEY (queue, lane, seq)
) WITHOUT ROWID;

-- What was handed out in vain, at least once.
CREATE TABLE retries (
    queue    INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    attempts INTEGER NOT NULL,  -- deliveries so far
    due_at   INTEGER NOT NULL,  -- microseconds since 1970
    reason   TEXT NOT NULL,     -- why the last attempt failed
    lease    INTEGER,           -- the lease it is under now, if any
    PRIMARY KEY (queue, seq)
) WITHOUT ROWID;
CREATE INDEX retries_due ON retries (queue, due_at) WHERE lease IS NULL;

-- One row for each batch that is handed out. The id is never used again: it is
-- the fencing token of the batch.
CREATE TABLE leases (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    queue      INTEGER NOT NULL,
    consumer   TEXT NOT NULL,    -- consumers.name
    expires_at INTEGER NOT NULL,
    retried    INTEGER NOT NULL, -- 1: the events have rows in retries
    items      TEXT NOT NULL     -- JSON array of the events.seq not yet settled
);
CREATE INDEX leases_expiry ON leases (queue, expires_at);

-- Processes that hold leases. Each also holds a lock on a file of that name
-- beside the database; a lock that is free tells that the process is gone.
CREATE TABLE consumers (
    name  TEXT PRIMARY KEY,
    queue INTEGER NOT NULL,
    pid   INTEGER NOT NULL,
    since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE dead (
    queue    INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    died_at  INTEGER NOT NULL,
    PRIMARY KEY (queue, seq)
) WITHOUT ROWID;
CREATE INDEX dead_by_time ON dead (queue, died_at);

-- +goose Down
DROP TABLE dead;
DROP TABLE consumers;
DROP TABLE leases;
DROP TABLE retries;
DROP TABLE waiting;
DROP TABLE lanes;
DROP TABLE queues;
