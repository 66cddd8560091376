-- Creates an asset, or finds it already created with the same units and options. An asset that was removed continues its
-- revision.
-- ARGV  7 "UNITS[ TERMS]"
-- OUT   {"ok", repeated, record, first holders, created}, or {"conflict", units at its creation[, TERMS]}

local made = new(ARGV[7], this_call)
local it, outcome = load(), answered()
local again = outcome ~= nil
if not again then
  if it and not it.removed then
    strike(it)
    local same = (it.terms and it.terms.options) == (made.terms and made.terms.options)
    outcome = it.created == made.units and same and UNCHANGED or CONFLICT
  else
    if it then made.origin, made.revision = it.origin, it.revision + 1 end
    it, outcome = begin(made), CHANGED
  end
  conclude(it, outcome)
end
if not it then return { 'unknown' } end
if outcome == CONFLICT then return { 'conflict', it.created, it.terms and terms_text(it.terms) } end
return { 'ok', again and 1 or 0, it.text, first(), outcome == CHANGED and 1 or 0 }
