-- Looks up which players hold the asset, decrements by the number of the others, records those who got a unit.
-- ARGV  7 "UNITS[ TERMS]" to create the asset with if it does not exist, or ""    8... "asset/player", distinct
-- OUT   {"ok", repeated, record, first holders, verdicts}; per player -REVISION: held before, REVISION: granted now,
--       0: sold out; of an asset with options "-REVISION/AT[/LEASE]", "+REVISION/AT[/LEASE]", 0, or what `bars` returns

local first_player = 8
local it, outcome = resume()
local fresh = not it and not outcome and ARGV[7] ~= ''
if fresh then it = begin(new(ARGV[7], this_call)) end
if not it or it.removed then return { 'unknown' } end

local found = {}
if #ARGV >= first_player then found = redis.call('HMGET', holders, unpack(ARGV, first_player)) end
local again, terms, verdicts, granted = outcome ~= nil, it.terms, {}, {}
for i, value in ipairs(found) do
  local field = ARGV[first_player + i - 1]
  local barred = terms and not value and not again and bars(terms, player_of(field))
  if value then
    verdicts[i] = terms and '-' .. value or -tonumber(string.sub(value, 1, 16))
  elseif again or barred or it.remaining == 0 then
    verdicts[i] = barred or 0
  else
    local grant = take(it, field)
    granted[#granted + 1] = grant
    verdicts[i] = terms and '+' .. value_of(grant) or grant.revision
  end
end

if #granted > 0 then add_grants(it, granted) end
if not again then conclude(it, (fresh or #granted > 0) and CHANGED or UNCHANGED) end
return { 'ok', again and 1 or 0, it.text, first(), verdicts }
