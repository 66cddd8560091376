-- Creates an asset, or finds it created with the same units; one that was removed continues its revision.
-- ARGV  6 units
-- OUT   {"ok", repeated, record, first holders, created}, or {"conflict", units at its creation}

local units = tonumber(ARGV[6])
local it, before = load(), answered()
local created = before
if before == nil then
  created = not it or it.removed
  if created then
    local revision = it and it.revision + 1 or 0
    it = begin(units)
    it.revision = revision
    save(it)
  end
  record(created)
end
if not it then return { 'unknown' } end
if not created and not it.removed and it.created ~= units then return { 'conflict', it.created } end
return { 'ok', before ~= nil and 1 or 0, it.text, first(), created and 1 or 0 }
