-- In: schema 3. Out: schema 4: what ties FILE-wal to FILE, and what a server writes to see that it can.

CREATE TABLE server (
    -- One row. FILE itself holds one of the two generations, or the log beside it belongs to another file.
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation    BLOB    NOT NULL,  -- random, new whenever all of the log has been copied into FILE
    previous      BLOB    NOT NULL,  -- the one before
    opened_as     TEXT               -- the path of the server that has it; NULL after a clean end
);

INSERT INTO server VALUES (1, zeroblob(16), zeroblob(16), NULL);

CREATE TABLE probe (
    -- One row.
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    writes        INTEGER NOT NULL
);

INSERT INTO probe VALUES (1, 0);
