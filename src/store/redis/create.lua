-- Creates an asset, or finds it already created with the same units. An asset that was removed continues its revision.
-- ARGV  6 units
-- OUT   {"ok", repeated, record, first holders, created}, or {"conflict", units at its creation}

local units = tonumber(ARGV[6])
local it, outcome = load(), answered()
local again = outcome ~= nil
if not again then
  if it and not it.removed then
    outcome = it.created == units and UNCHANGED or CONFLICT
  else
    local before = it
    it, outcome = begin(units, before and before.origin or this_call), CHANGED
    if before then it.revision = before.revision + 1 end
    save(it)
  end
  record(outcome)
end
if not it then return { 'unknown' } end
if outcome == CONFLICT then return { 'conflict', it.created } end
return { 'ok', again and 1 or 0, it.text, first(), outcome == CHANGED and 1 or 0 }
