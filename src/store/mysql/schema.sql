-- In: a database without our tables, or with some of them. Out: all of them, at version 1. Each statement may be
-- repeated, also by two nodes at once. Names are ASCII and differ by case.

CREATE TABLE IF NOT EXISTS asset_arbiter_rooms (
    room VARCHAR(64) NOT NULL,
    -- When somebody last said that it is in use, in Unix milliseconds; noted once a minute at most.
    used_at BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (room),
    KEY by_use (used_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- An asset, also a removed one. Whoever writes it names the origin and the revision it was read at.
CREATE TABLE IF NOT EXISTS asset_arbiter_assets (
    room VARCHAR(64) NOT NULL,
    asset VARCHAR(64) NOT NULL,
    units INT UNSIGNED NOT NULL,
    remaining INT UNSIGNED NOT NULL,
    held INT UNSIGNED NOT NULL,
    revision BIGINT UNSIGNED NOT NULL,
    -- Random, drawn when the row was made: tells it from one of the same name that went with its room.
    origin BIGINT UNSIGNED NOT NULL,
    -- The revision at which this life of it began.
    creation BIGINT UNSIGNED NOT NULL,
    created_units INT UNSIGNED NOT NULL,
    removed BOOLEAN NOT NULL,
    -- The last calls of the newest nodes that changed it: NODE:SEQ in hexadecimal digits, separated by spaces.
    changes VARCHAR(2048) NOT NULL,
    PRIMARY KEY (room, asset),
    UNIQUE KEY by_origin (origin)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Who holds a unit, in one life of one asset. Those of a life that is over do not count and go in time.
CREATE TABLE IF NOT EXISTS asset_arbiter_holders (
    origin BIGINT UNSIGNED NOT NULL,
    creation BIGINT UNSIGNED NOT NULL,
    player VARCHAR(64) NOT NULL,
    revision BIGINT UNSIGNED NOT NULL,
    granted_at BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (origin, creation, player) /*T![clustered_index] CLUSTERED */,
    KEY by_revision (origin, creation, revision, granted_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Lives that are over and whose holders are still to be deleted.
CREATE TABLE IF NOT EXISTS asset_arbiter_leftovers (
    origin BIGINT UNSIGNED NOT NULL,
    creation BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (origin, creation)
) ENGINE = InnoDB;

-- Last: where it has a row, the other tables are there.
CREATE TABLE IF NOT EXISTS asset_arbiter_schema (
    version INT UNSIGNED NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB;

INSERT IGNORE INTO asset_arbiter_schema (version) VALUES (1);
COMMIT
