-- Deletes a holder and returns its unit.
-- ARGV  7 "asset/player"    8 the reason, as in model/lease.rs
-- OUT   {"ok", repeated, record, first holders}, {"unknown"} or {"not_held"}

local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then
  outcome = end_grants(it, { ARGV[7] }, ARGV[8]) and CHANGED or NOT_HELD
  conclude(it, outcome)
end
if outcome ~= CHANGED then return { 'not_held' } end
return { 'ok', again and 1 or 0, it.text, first() }
