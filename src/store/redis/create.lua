-- Creates an asset, or finds it already created with the same units and options. An asset that was removed continues its
-- revision.
-- ARGV  7 "ORIGIN UNITS[ TERMS]"; ORIGIN: of the record if it is new
-- OUT   {"ok", repeated, record, first holders, created}, or {"conflict", units at its creation[, TERMS]}

-- Whether the asset was created like this.
local function is_created_so(it)
  local units, options = string.match(ARGV[7], '^%x+ (%d+) ?(%S* ?%S* ?%S* ?%S* ?%S* ?%S*)')
  return it.created == tonumber(units) and (it.terms and it.terms.options or '') == options
end

local it, outcome = find()
local again = outcome ~= nil
if not again then
  if it and not it.removed then
    outcome = is_created_so(it) and UNCHANGED or CONFLICT
  else
    it, outcome = begin(ARGV[7], it), CHANGED
  end
  conclude(it, outcome)
end
if not it then return { 'unknown' } end
if outcome == CONFLICT then return { 'conflict', it.created, it.terms and it.terms.text() } end
return { 'ok', again and 1 or 0, it.text, first(), outcome == CHANGED and 1 or 0 }
