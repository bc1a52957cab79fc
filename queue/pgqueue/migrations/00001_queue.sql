-- +goose Up
SET LOCAL lock_timeout = '3s';

CREATE TABLE queues (
    id            int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text   NOT NULL UNIQUE,
    visibility_us bigint NOT NULL, -- how long a lease lasts, in microseconds
    max_attempts  int    NOT NULL
);

-- What bodies are compressed with. Rows are never changed or deleted.
CREATE TABLE queue_dictionaries (
    id    bigint PRIMARY KEY,
    bytes bytea  NOT NULL
);

-- All events in the queues, with their bodies. Rows are added and deleted, never
-- changed. A packed body is short enough for the row itself most of the time:
-- beside it, it would cost two rows and two index entries more.
CREATE TABLE queue_events (
    seq              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue            int    NOT NULL,
    lane             int    NOT NULL, -- of its shop
    id               uuid   NOT NULL,
    shop             text   NOT NULL,
    topic            text   NOT NULL,
    api_version      text   NOT NULL,
    webhook_id       text   NOT NULL,
    shopify_event_id text   NOT NULL,
    triggered_at     timestamptz,
    accepted_at      timestamptz NOT NULL,
    signed_by        text   NOT NULL,
    trace_parent     text,            -- NULL when it is not traced
    coding           bigint NOT NULL, -- 0: body as it came; else s2 with this dictionary
    body             bytea  NOT NULL
) WITH (toast_tuple_target = 8160,
    autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE queue_events ALTER COLUMN body SET STORAGE EXTERNAL; -- it is compressed already

-- What has not been handed out yet, by lane, so that receivers can take from all
-- shops in turn.
CREATE TABLE queue_waiting (
    queue int    NOT NULL,
    lane  int    NOT NULL,
    seq   bigint NOT NULL, -- queue_events.seq
    PRIMARY KEY (queue, lane, seq)
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

-- What was handed out in vain, at least once.
CREATE TABLE queue_retries (
    queue    int    NOT NULL,
    seq      bigint NOT NULL,
    attempts int    NOT NULL,  -- deliveries so far
    due_at   timestamptz NOT NULL,
    reason   text   NOT NULL,  -- why the last attempt failed
    lease    bigint,           -- the lease it is under now, if any
    PRIMARY KEY (queue, seq)
) WITH (fillfactor = 70,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_retries_due ON queue_retries (queue, due_at) WHERE lease IS NULL;

-- One row for each batch that is handed out. Its id is drawn at random, so that
-- not even a server that forgot its last commits gives it twice: it is the fencing
-- token of the batch.
CREATE TABLE queue_leases (
    id         bigint   PRIMARY KEY,
    queue      int      NOT NULL,
    consumer   bigint   NOT NULL, -- queue_consumers.id
    expires_at timestamptz NOT NULL,
    retried    boolean  NOT NULL, -- the events have rows in queue_retries
    items      bigint[] NOT NULL  -- the queue_events.seq not yet settled
) WITH (autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_leases_expiry ON queue_leases (queue, expires_at);

-- Processes that hold leases. Who lives counts beat up.
CREATE TABLE queue_consumers (
    id    bigint PRIMARY KEY,
    queue int    NOT NULL,
    beat  bigint NOT NULL,
    who   text   NOT NULL, -- host and process, for people
    since timestamptz NOT NULL
) WITH (fillfactor = 50,
    autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE queue_dead (
    queue    int    NOT NULL,
    seq      bigint NOT NULL,
    id       uuid   NOT NULL,
    attempts int    NOT NULL,
    reason   text   NOT NULL,
    died_at  timestamptz NOT NULL,
    PRIMARY KEY (queue, seq)
);
CREATE INDEX queue_dead_by_time ON queue_dead (queue, died_at, seq);
CREATE INDEX queue_dead_by_id ON queue_dead (queue, id);

-- +goose Down
DROP TABLE queue_dead;
DROP TABLE queue_consumers;
DROP TABLE queue_leases;
DROP TABLE queue_retries;
DROP TABLE queue_waiting;
DROP TABLE queue_events;
DROP TABLE queue_dictionaries;
DROP TABLE queues;
