-- Removes an asset: its holders go, its record stays as a tombstone.
-- OUT   {"ok", repeated, record, first holders} or {"unknown"}

local it = load()
local again = answered() ~= nil
if not it or (it.removed and not again) then return { 'unknown' } end
if not again then
  clear()
  it.remaining, it.revision, it.removed = 0, it.revision + 1, true
  save(it)
  record(true)
end
return { 'ok', again and 1 or 0, it.text, first() }
