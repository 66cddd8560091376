-- In: the writing connection. Out: its temporary table of the last calls that changed nothing, which is not in
-- the file.
--
-- Only a running process retries its calls, and the file belongs to one process: after its end nobody can retry
-- them. So they need not be on disk. They share the file's transactions, so that a rollback undoes them, too.

CREATE TEMP TABLE denials (
    place         INTEGER NOT NULL PRIMARY KEY,  -- the newest has the highest
    room          TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    node          TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    outcome       TEXT    NOT NULL,  -- unchanged, or why it was refused
    UNIQUE (room, asset, node)
);

-- Denials are deleted with their asset.
CREATE TEMP TRIGGER gone AFTER DELETE ON main.assets BEGIN
    DELETE FROM denials WHERE room = old.room AND asset = old.asset;
END;
