-- In: schema 3. Out: schema 4: adds what ties FILE-wal to FILE, and the table that probes write to.

CREATE TABLE server (
    -- One row. If FILE itself contains neither of the two generations, the log beside it belongs to another
    -- file.
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
