-- Adds units if the asset is at the required revision.
-- ARGV  7 units to add    8 the required revision, or ""
-- OUT   {"ok", repeated, record, first holders}, {"unknown"}, {"conflict", revision} or {"limit"}

local more, condition = tonumber(ARGV[7]), tonumber(ARGV[8])
local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then
  if condition and condition ~= it.revision then
    outcome = CONFLICT
  elseif it.units + more > MAX_UNITS then
    outcome = LIMIT
  else
    outcome = CHANGED
    it.units, it.remaining, it.revision = it.units + more, it.remaining + more, it.revision + 1
    if events then events.keep(it, 'restocked', now) end
  end
  conclude(it, outcome)
end
if outcome == LIMIT then return { 'limit' } end
if outcome ~= CHANGED then return { 'conflict', it.revision } end
return { 'ok', again and 1 or 0, it.text, first() }
