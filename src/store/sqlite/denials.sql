-- In: the connection that writes. Out: its table of the last calls that changed nothing, which is not in the file.
--
-- Only a running process repeats its calls, and the file is that of one process: when it is gone, nobody can
-- repeat them. So they need no disk, but they share the transactions of the file: what is rolled back was not made.

CREATE TEMP TABLE denials (
    place         INTEGER NOT NULL PRIMARY KEY,  -- the newest has the highest
    room          TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    node          TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    outcome       TEXT    NOT NULL,  -- unchanged, or why it was refused
    UNIQUE (room, asset, node)
);

-- They go with their room.
CREATE TEMP TRIGGER gone AFTER DELETE ON main.assets BEGIN
    DELETE FROM denials WHERE room = old.room AND asset = old.asset;
END;
