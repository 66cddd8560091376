-- In: schema 1. Out: schema 2: calls contains only those that changed something.

DELETE FROM calls WHERE NOT changed;
ALTER TABLE calls DROP COLUMN changed;
