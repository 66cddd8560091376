-- In: schema 2. Out: schema 3: an asset's origin, which tells its record from one that was there before and went with
-- its room.

ALTER TABLE assets ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
