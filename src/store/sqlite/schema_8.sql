-- In: schema 7. Out: schema 8: adds the events that were acknowledged, for `--history`. They outlive their rooms.

CREATE TABLE history (
    room          TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    event         TEXT    NOT NULL,  -- as in events
    at            INTEGER NOT NULL,  -- when it happened, in Unix milliseconds
    PRIMARY KEY (room, asset, event)
) WITHOUT ROWID;

CREATE INDEX history_by_time ON history (at);
