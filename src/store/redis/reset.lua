-- Makes an asset whole again: deletes its holders and gives it the units of its creation.
-- OUT   {"ok", repeated, record, first holders} or {"unknown"}

local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then
  clear()
  it.units, it.remaining, it.revision = it.created, it.created, it.revision + 1
  if it.terms then it.terms.created_at, it.terms.next_end = now, nil end
  if events then events.keep(it, 'reset', now) end
  conclude(it, CHANGED)
end
return { 'ok', again and 1 or 0, it.text, first() }
