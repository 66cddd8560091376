-- Removes an asset: deletes its holders and keeps its record as a tombstone.
-- OUT   {"ok", repeated, record, first holders} or {"unknown"}

local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then
  clear()
  it.remaining, it.revision, it.removed, it.terms = 0, it.revision + 1, true, nil
  if events then events.keep(it, 'removed', now) end
  conclude(it, CHANGED)
end
return { 'ok', again and 1 or 0, it.text, first() }
