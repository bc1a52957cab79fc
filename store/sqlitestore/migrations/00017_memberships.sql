-- +goose Up
-- Who belongs to which shop. people.shop_id, which is one of them, and people.role, which is owner for staff, too, stay
-- for an older bellhop.
CREATE TABLE memberships (
    person_id INTEGER NOT NULL REFERENCES people,
    shop_id   INTEGER NOT NULL REFERENCES shops,
    role      TEXT    NOT NULL CHECK (role IN ('owner', 'staff')),
    PRIMARY KEY (person_id, shop_id)
) WITHOUT ROWID;
CREATE INDEX memberships_by_shop ON memberships (shop_id);
INSERT INTO memberships SELECT id, shop_id, 'owner' FROM people WHERE shop_id IS NOT NULL;

-- An older bellhop adds and removes people without their memberships.
-- +goose StatementBegin
CREATE TRIGGER people_added AFTER INSERT ON people WHEN new.shop_id IS NOT NULL BEGIN
    INSERT INTO memberships VALUES (new.id, new.shop_id, 'owner');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER people_removed AFTER DELETE ON people BEGIN
    DELETE FROM memberships WHERE person_id = old.id;
END;
-- +goose StatementEnd

-- An invitation made the account, and nobody has shown that the address is theirs.
ALTER TABLE people ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0;

CREATE TABLE invitations (
    hash       BLOB    PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256; the secret is nowhere
    shop_id    INTEGER NOT NULL REFERENCES shops,
    email      TEXT    NOT NULL,              -- lower case
    role       TEXT    NOT NULL CHECK (role IN ('owner', 'staff')),
    invited_by TEXT    NOT NULL,              -- an e-mail address; '' for an operator
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (shop_id, email)
) WITHOUT ROWID;

CREATE TABLE operator_tokens (
    name         TEXT    PRIMARY KEY,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER                      -- to the minute
) WITHOUT ROWID;

-- +goose Down
DROP TABLE operator_tokens;
DROP TABLE invitations;
ALTER TABLE people DROP COLUMN unproven;
DROP TRIGGER people_removed;
DROP TRIGGER people_added;
DROP TABLE memberships;
