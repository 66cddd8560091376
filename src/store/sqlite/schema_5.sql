-- In: schema 4. Out: schema 5: adds the revocations of player tokens.

CREATE TABLE revocations (
    -- They belong to no room.
    revocation    TEXT    NOT NULL PRIMARY KEY,  -- JSON: {"player":"ann","issued_before":1,"until":2}
    ends_at       INTEGER NOT NULL  -- its until; the largest integer if that is larger
) WITHOUT ROWID;

CREATE INDEX revocations_by_end ON revocations (ends_at);
