-- +goose Up
-- Where people signed in from: guessers elsewhere don't use up the tries of these.
CREATE TABLE networks (
    person_id bigint      NOT NULL REFERENCES people ON DELETE CASCADE,
    network   text        NOT NULL, -- an address, of IPv6 its /64
    seen_at   timestamptz NOT NULL,
    PRIMARY KEY (person_id, network)
);

-- +goose Down
DROP TABLE networks;
