-- Adds units if the asset is at the required revision.
-- ARGV  6 units to add    7 the required revision, or ""
-- OUT   {"ok", repeated, record, first holders}, {"unknown"}, {"conflict", revision} or {"limit"}

local more, condition = tonumber(ARGV[6]), tonumber(ARGV[7])
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
    save(it)
  end
  record(outcome)
end
if outcome == LIMIT then return { 'limit' } end
if outcome ~= CHANGED then return { 'conflict', it.revision } end
return { 'ok', again and 1 or 0, it.text, first() }
