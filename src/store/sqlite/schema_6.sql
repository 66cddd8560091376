-- In: schema 5. Out: schema 6: adds the deadlines of grants. Both columns are NULL for assets whose grants have none.

ALTER TABLE assets ADD COLUMN terms TEXT;  -- HOLD GRANT LEAVE COOLDOWN FOR_MS FOR CREATED CHANGED NEXT END ...

ALTER TABLE holders ADD COLUMN lease TEXT;  -- ENDS/UNTIL/PRESENT/STATE: sorts by the earliest deadline

CREATE INDEX holders_by_end ON holders (room, asset, lease) WHERE lease IS NOT NULL;
