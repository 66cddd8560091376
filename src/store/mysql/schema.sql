-- In: a database without our tables, or with some of them. Out: all of them, at version 1. Each statement is
-- idempotent, and two nodes may run it at once. Names are ASCII and case-sensitive.

CREATE TABLE IF NOT EXISTS asset_arbiter_rooms (
    room VARCHAR(64) NOT NULL,
    -- The last recorded use, in Unix milliseconds; recorded once a minute at most.
    used_at BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (room),
    KEY by_use (used_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- An asset or a tombstone. Every write is conditional on the origin and the revision that were read.
CREATE TABLE IF NOT EXISTS asset_arbiter_assets (
    room VARCHAR(64) NOT NULL,
    asset VARCHAR(64) NOT NULL,
    units INT UNSIGNED NOT NULL,
    remaining INT UNSIGNED NOT NULL,
    held INT UNSIGNED NOT NULL,
    revision BIGINT UNSIGNED NOT NULL,
    -- Drawn when the row was created, and higher than that of an earlier row of the same name that was removed with its
    -- room.
    origin BIGINT UNSIGNED NOT NULL,
    -- The revision at which the current incarnation began.
    creation BIGINT UNSIGNED NOT NULL,
    created_units INT UNSIGNED NOT NULL,
    removed BOOLEAN NOT NULL,
    -- The last calls of the most recent nodes that changed the asset: NODE:SEQ in hexadecimal digits, separated
    -- by spaces.
    changes VARCHAR(2048) NOT NULL,
    -- The options of an asset whose grants have deadlines, and how its last grants ended; see `Terms`. Databases of version
    -- 1 may lack this column; the server adds it.
    terms MEDIUMTEXT NULL,
    PRIMARY KEY (room, asset),
    UNIQUE KEY by_origin (origin)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The holders of one incarnation of an asset. Holders of ended incarnations do not count and are deleted later.
CREATE TABLE IF NOT EXISTS asset_arbiter_holders (
    origin BIGINT UNSIGNED NOT NULL,
    creation BIGINT UNSIGNED NOT NULL,
    -- Databases of version 1 may have this column with 64 characters; the server widens it.
    player VARCHAR(128) NOT NULL,
    revision BIGINT UNSIGNED NOT NULL,
    granted_at BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (origin, creation, player) /*T![clustered_index] CLUSTERED */,
    KEY by_revision (origin, creation, revision, granted_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The holders of an asset with terms, instead of those above. Databases of version 1 may lack this table; the server
-- creates it.
CREATE TABLE IF NOT EXISTS asset_arbiter_leases (
    origin BIGINT UNSIGNED NOT NULL,
    creation BIGINT UNSIGNED NOT NULL,
    player VARCHAR(128) NOT NULL,
    revision BIGINT UNSIGNED NOT NULL,
    granted_at BIGINT UNSIGNED NOT NULL,
    -- When the grant ends, in Unix milliseconds; NULL: never.
    ends_at BIGINT UNSIGNED NULL,
    -- All its deadlines; see `Lease`.
    lease VARCHAR(64) NOT NULL,
    PRIMARY KEY (origin, creation, player) /*T![clustered_index] CLUSTERED */,
    KEY by_revision (origin, creation, revision),
    KEY by_end (origin, creation, ends_at, revision)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Ended incarnations whose holders are still to be deleted.
CREATE TABLE IF NOT EXISTS asset_arbiter_leftovers (
    origin BIGINT UNSIGNED NOT NULL,
    creation BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (origin, creation)
) ENGINE = InnoDB;

-- Revocations of player tokens, each as its JSON. Databases of version 1 may lack this table; the server creates it.
CREATE TABLE IF NOT EXISTS asset_arbiter_revocations (
    revocation VARBINARY(1024) NOT NULL,
    ends_at BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (revocation),
    KEY by_end (ends_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- The changes of assets that the game's backend has not acknowledged, for `--events on`. They outlive their rooms.
-- Databases of version 1 may lack this table and the next; the server creates them.
CREATE TABLE IF NOT EXISTS asset_arbiter_events (
    room VARCHAR(64) NOT NULL,
    asset VARCHAR(64) NOT NULL,
    -- See `AssetEvent`. Texts sort in the order of the changes.
    event VARCHAR(320) NOT NULL,
    PRIMARY KEY (room, asset, event) /*T![clustered_index] CLUSTERED */
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Who has taken the events of a room.
CREATE TABLE IF NOT EXISTS asset_arbiter_event_leases (
    room VARCHAR(64) NOT NULL,
    -- See `RoomLease`.
    lease VARCHAR(256) NOT NULL,
    PRIMARY KEY (room)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The events that were acknowledged, for `--history`. They outlive their rooms, too. Databases of version 1 may lack this
-- table; the server creates it.
CREATE TABLE IF NOT EXISTS asset_arbiter_history (
    room VARCHAR(64) NOT NULL,
    asset VARCHAR(64) NOT NULL,
    event VARCHAR(320) NOT NULL,
    -- When it happened, in Unix milliseconds.
    happened_at BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (room, asset, event) /*T![clustered_index] CLUSTERED */,
    KEY by_time (happened_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Created last: if it has a row, the other tables exist.
CREATE TABLE IF NOT EXISTS asset_arbiter_schema (
    version INT UNSIGNED NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB;

INSERT IGNORE INTO asset_arbiter_schema (version) VALUES (1);
COMMIT
