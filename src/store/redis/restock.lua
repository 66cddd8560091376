-- Adds units, if the revision is the one asked for.
-- ARGV  6 units to add    7 the revision as a condition, or ""
-- OUT   {"ok", repeated, record, first holders}, {"unknown"}, {"conflict", revision} or {"limit"}

local more, condition = tonumber(ARGV[6]), tonumber(ARGV[7])
local it, done = load(), answered()
local again = done ~= nil
if not it or (it.removed and not again) then return { 'unknown' } end
if not again then
  done = not condition or condition == it.revision
  if done and it.units + more > MAX_UNITS then return { 'limit' } end
  if done then
    it.units, it.remaining, it.revision = it.units + more, it.remaining + more, it.revision + 1
    save(it)
  end
  record(done)
end
if not done then return { 'conflict', it.revision } end
return { 'ok', again and 1 or 0, it.text, first() }
