-- Follows common.lua in every script that changes an asset.
-- ARGV  4 node    5 seq

local node, seq = ARGV[4], ARGV[5]
local this_call = node .. '-' .. seq
local made = redis.call('HGET', calls, asset) or ''
local own = string.find(made, node .. '=', 1, true)

-- nil: this call is new. Else it, or a later one of the node, was made before: what it came to.
local function answered()
  if own and seq <= string.sub(made, own + 17, own + 32) then return string.sub(made, own + 33, own + 33) end
end

-- Remembers the call as the newest, and as many others as are kept.
local function record(outcome)
  local others = own and string.sub(made, 1, own - 1) .. string.sub(made, own + CALL_LENGTH) or made
  redis.call('HSET', calls, asset,
    string.sub(others .. node .. '=' .. seq .. outcome, -REMEMBERED_NODES * CALL_LENGTH))
  if ttl > 0 then keep() end
end

-- The asset and what the call came to before; no asset: it is unknown. A call that finds it removed is refused for good.
local function resume()
  local it, outcome = load(), answered()
  if it and it.removed and not outcome then
    outcome = UNKNOWN
    record(outcome)
  end
  return outcome ~= UNKNOWN and it or nil, outcome
end
