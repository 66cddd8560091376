-- Looks up which players hold the asset, decrements by the number of the others, records those who got a unit.
-- ARGV  7 "ORIGIN UNITS[ TERMS]" to create the asset with if it does not exist, or ""    8... "asset/player", distinct
-- OUT   {"ok", repeated, record, first holders, verdicts}; per player -REVISION: held before, REVISION: granted now,
--       0: sold out; of an asset with options "-REVISION/AT[/LEASE]", "+REVISION/AT[/LEASE]", 0, or what `bars` returns

local first_player = 8
local it, outcome = resume()
local fresh = not it and not outcome and ARGV[7] ~= ''
if fresh then it = begin(ARGV[7]) end
if not it or it.removed then return { 'unknown' } end

local found = {}
if #ARGV >= first_player then found = redis.call('HMGET', holders, unpack(ARGV, first_player)) end
local again, held, terms, verdicts = outcome ~= nil, it.units - it.remaining, it.terms, {}
local lease = terms and terms.new_lease()
local fields, members = {}, {}
for i, grant in ipairs(found) do
  if grant then
    verdicts[i] = terms and '-' .. grant or -tonumber(string.sub(grant, 1, 16))
  elseif again then
    verdicts[i] = 0
  else
    local barred = terms and terms.bars(ARGV[first_player + i - 1])
    if barred or it.remaining == 0 then
      verdicts[i] = barred or 0
    else
      local value = take(it, ARGV[first_player + i - 1], lease, fields, members)
      verdicts[i] = terms and '+' .. value or it.revision
    end
  end
end

if #fields > 0 then
  redis.call('HSET', holders, unpack(fields))
  redis.call('ZADD', grants, unpack(members))
  if held < HOLDERS_SHOWN then list_first(it) end
end
if not again then conclude(it, (fresh or #fields > 0) and CHANGED or UNCHANGED) end
return { 'ok', again and 1 or 0, it.text, first(), verdicts }
