-- Schema 1. In: a database without tables. Out: rooms, assets, holders and calls.
--
--   sqlite3 game.db "SELECT asset, remaining, units FROM assets WHERE room = 'lobby'"
--   sqlite3 game.db "SELECT player, granted_at FROM holders WHERE room = 'lobby' AND asset = 'sword' ORDER BY revision"
--
-- You may read while the server runs, but end each transaction: the log beside the file grows as long as one is
-- open. Only the server may write. Times are Unix milliseconds.

CREATE TABLE rooms (
    -- Every room with assets. Deleting a room deletes all its contents.
    room          TEXT    NOT NULL PRIMARY KEY,
    last_used     INTEGER NOT NULL  -- to the minute: a room in use is noted now and then
) WITHOUT ROWID;

CREATE INDEX rooms_by_last_used ON rooms (last_used);

CREATE TABLE assets (
    -- The counter of every asset. A removed asset stays as a tombstone, so that its revision continues.
    room          TEXT    NOT NULL REFERENCES rooms ON DELETE CASCADE,
    asset         TEXT    NOT NULL,
    units         INTEGER NOT NULL CHECK (units BETWEEN 0 AND 4294967295),
    remaining     INTEGER NOT NULL CHECK (remaining >= 0),
    held          INTEGER NOT NULL CHECK (held >= 0),
    revision      INTEGER NOT NULL,  -- 0 when created, then one more with every change
    creation      INTEGER NOT NULL,  -- the revision at which it was created, or created again
    created_units INTEGER NOT NULL,  -- units it was created with, before any restock
    removed       INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    PRIMARY KEY (room, asset),
    CHECK (CASE WHEN removed THEN remaining = 0 AND held = 0 ELSE remaining + held = units END)
) WITHOUT ROWID;

CREATE TABLE holders (
    -- Who holds a unit. A row counts only if its creation equals the asset's.
    room          TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    player        TEXT    NOT NULL,
    granted_at    INTEGER NOT NULL,
    revision      INTEGER NOT NULL,  -- the asset's revision at the grant
    creation      INTEGER NOT NULL,  -- the creation of the asset it belongs to
    PRIMARY KEY (room, asset, revision),
    UNIQUE (room, player, asset, creation),  -- a player holds at most one unit of an asset
    FOREIGN KEY (room, asset) REFERENCES assets ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE calls (
    -- The last call of the most recent nodes, so that a retried call takes effect once.
    room          TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    node          TEXT    NOT NULL,  -- a server process, as a hexadecimal number
    seq           INTEGER NOT NULL,
    changed       INTEGER NOT NULL,  -- whether it changed anything
    place         INTEGER NOT NULL,  -- the newest node of an asset has the highest
    PRIMARY KEY (room, asset, node),
    FOREIGN KEY (room, asset) REFERENCES assets ON DELETE CASCADE
) WITHOUT ROWID;
