-- In: schema 2. Out: schema 3: adds an asset's origin, which distinguishes its record from an earlier one of
-- the same name that was removed with its room.

ALTER TABLE assets ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
