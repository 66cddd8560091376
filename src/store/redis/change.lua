-- Follows terms.lua in every script that changes an asset.
-- ARGV  4 node    5 seq    6 as in terms.lua

local node, seq = ARGV[4], ARGV[5]
local this_call = node .. '-' .. seq
local made = redis.call('HGET', calls, asset) or ''
local own = string.find(made, node .. '=', 1, true)

-- Returns nil if this call is new, else the outcome of it or of a later call of its node.
local function answered()
  if own and seq <= string.sub(made, own + 17, own + 32) then return string.sub(made, own + 33, own + 33) end
end

-- Remembers the call as the newest, and drops the oldest beyond REMEMBERED_NODES.
local function record(outcome)
  local others = own and string.sub(made, 1, own - 1) .. string.sub(made, own + CALL_LENGTH) or made
  redis.call('HSET', calls, asset,
    string.sub(others .. node .. '=' .. seq .. outcome, -REMEMBERED_NODES * CALL_LENGTH))
  if ttl > 0 then keep() end
end

-- Saves and records a new call. Grants may have ended before it, whatever its outcome.
local function conclude(it, outcome)
  if it.terms and (it.ended or outcome == CHANGED) then it.terms.changed_at = now end
  if it.looked or outcome == CHANGED then save(it) end
  record(outcome)
end

-- Returns the asset and the earlier outcome of the call; no asset means unknown. A new call on a removed asset
-- is refused, and stays refused when retried.
local function resume()
  local it, outcome = load(), answered()
  if it and not outcome then
    if it.removed then
      outcome = UNKNOWN
      record(outcome)
    else
      strike(it)
    end
  end
  return outcome ~= UNKNOWN and it or nil, outcome
end
