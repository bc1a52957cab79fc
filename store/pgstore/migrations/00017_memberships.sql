-- +goose Up
SET LOCAL lock_timeout = '3s';

-- Who belongs to which shop. people.shop_id, which is one of them, and people.role, which is owner for staff, too, stay
-- for an older bellhop that still runs.
CREATE TABLE memberships (
    person_id bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    shop_id   bigint NOT NULL REFERENCES shops,
    role      text   NOT NULL CHECK (role IN ('owner', 'staff')),
    PRIMARY KEY (person_id, shop_id)
);
CREATE INDEX memberships_by_shop ON memberships (shop_id);

-- An older bellhop adds people without their memberships.
-- +goose StatementBegin
CREATE FUNCTION people_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO memberships VALUES (new.id, new.shop_id, 'owner');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER people_added AFTER INSERT ON people FOR EACH ROW WHEN (new.shop_id IS NOT NULL)
EXECUTE FUNCTION people_added();
INSERT INTO memberships SELECT id, shop_id, 'owner' FROM people WHERE shop_id IS NOT NULL;

-- An invitation made the account, and nobody has shown that the address is theirs.
ALTER TABLE people ADD COLUMN unproven boolean NOT NULL DEFAULT false;

CREATE TABLE invitations (
    hash       bytea  PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256; the secret is nowhere
    shop_id    bigint NOT NULL REFERENCES shops,
    email      text   NOT NULL,               -- lower case
    role       text   NOT NULL CHECK (role IN ('owner', 'staff')),
    invited_by text   NOT NULL,               -- an e-mail address; '' for an operator
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (shop_id, email)
);

CREATE TABLE operator_tokens (
    name         text  PRIMARY KEY,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz                  -- to the minute
);

-- +goose Down
DROP TABLE operator_tokens;
DROP TABLE invitations;
ALTER TABLE people DROP COLUMN unproven;
DROP TRIGGER people_added ON people;
DROP FUNCTION people_added;
DROP TABLE memberships;
