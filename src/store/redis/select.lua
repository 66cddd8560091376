-- Looks up which players hold the asset, decrements by the number of the others, records those who got a unit.
-- ARGV  6 at, the time of the change    7 units to create the asset with if it does not exist, or ""
--       8... "asset/player", distinct
-- OUT   {"ok", repeated, record, first holders, verdicts}; per player -REVISION: held before, REVISION: granted now,
--       0: sold out

local at, units, first_player = ARGV[6], tonumber(ARGV[7]), 8
local it, outcome = resume()
local fresh = not it and not outcome and units
if fresh then it = begin(units, this_call) end
if not it or it.removed then return { 'unknown' } end

local held = {}
if #ARGV >= first_player then held = redis.call('HMGET', holders, unpack(ARGV, first_player)) end
local again, left, verdicts = outcome ~= nil, it.remaining, {}
local fields, members = {}, {}
for i, grant in ipairs(held) do
  if grant then
    verdicts[i] = -tonumber(string.sub(grant, 1, 16))
  elseif again or left == 0 then
    verdicts[i] = 0
  else
    left, it.revision = left - 1, it.revision + 1
    local field = ARGV[first_player + i - 1]
    local value = string.format('%016.0f/%s', it.revision, at)
    fields[#fields + 1], fields[#fields + 2] = field, value
    members[#members + 1], members[#members + 2] = 0, asset .. '/' .. value .. string.sub(field, #asset + 1)
    verdicts[i] = it.revision
  end
end

if #fields > 0 then
  redis.call('HSET', holders, unpack(fields))
  redis.call('ZADD', grants, unpack(members))
  if it.units - it.remaining < HOLDERS_SHOWN then list_first() end
  it.remaining = left
end
if fresh or #fields > 0 then save(it) end
if not again then record((fresh or #fields > 0) and CHANGED or UNCHANGED) end
return { 'ok', again and 1 or 0, it.text, first(), verdicts }
