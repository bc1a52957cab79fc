-- +goose Up
-- Where people signed in from: guessers elsewhere don't use up the tries of these.
CREATE TABLE networks (
    person_id INTEGER NOT NULL REFERENCES people,
    network   TEXT    NOT NULL, -- an address, of IPv6 its /64
    seen_at   INTEGER NOT NULL,
    PRIMARY KEY (person_id, network)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE networks;
