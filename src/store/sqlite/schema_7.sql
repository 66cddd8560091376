-- In: schema 6. Out: schema 7: adds the events of changes, for `--events on`. They outlive their rooms.

CREATE TABLE events (
    -- Every change that the game's backend has not acknowledged.
    room          TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    event         TEXT    NOT NULL,  -- ORIGIN/REVISION/FIRST/TYPE/AT/UNITS/REMAINING/REASON/UNTIL/HOLD/PLAYER
    PRIMARY KEY (room, asset, event)
) WITHOUT ROWID;

CREATE TABLE event_leases (
    -- Who has taken the events of a room.
    room          TEXT    NOT NULL PRIMARY KEY,
    lease         TEXT    NOT NULL  -- TAKER/UNTIL/OPEN/AFTER/LAST
) WITHOUT ROWID;
