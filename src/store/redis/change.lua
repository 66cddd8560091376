-- Follows common.lua in every script that changes an asset.
-- ARGV  4 node    5 seq    6 "AT", the time of the call, or "AT/BY" if changes are kept as events and no player made the call

local node, seq = ARGV[4], ARGV[5]
local made = redis.call('HGET', calls, asset) or ''
local own = string.find(made, node .. '=', 1, true)

-- The time of the change. It does not run backwards: see `strike` in terms.lua.
local now_text, by = ARGV[6], ''
if EVENTS_BACKLOG > 0 then now_text, by = string.match(ARGV[6], '^(%d+)(.*)$') end
local now = tonumber(now_text)

-- Makes the terms of an asset, with the rules for them; see terms.lua.
local terms_of

-- Keeps changes as events; nil: they are not kept. See events.lua.
local events

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

local function save(it)
  it.text = string.format('%.0f %.0f %.0f %.0f %s %s', it.units, it.created, it.remaining, it.revision,
    it.removed and 'removed' or 'live', it.origin)
  if it.terms then it.text = it.text .. ' ' .. it.terms.text() end
  redis.call('HSET', assets, asset, it.text)
end

-- Stores the first holders, because every answer contains them. Call it whenever they or their leases may have changed.
local function list_first(it)
  local listed = page('[' .. asset .. '/', HOLDERS_SHOWN, it.terms)
  redis.call('HSET', holders, asset .. '/', table.concat(listed, ' '))
end

-- Deletes every holder.
local function clear()
  repeat
    local members, fields = page('[' .. asset .. '/', PAGE), {}
    for i, member in ipairs(members) do fields[i] = asset .. string.match(member, '/[^/]+$') end
    if #members > 0 then
      redis.call('HDEL', holders, unpack(fields))
      redis.call('ZREM', grants, unpack(members))
    end
  until #members < PAGE
  redis.call('HDEL', holders, asset .. '/')
  redis.call('ZREMRANGEBYLEX', grants, '[/' .. asset .. '/', '(/' .. asset .. '0')
end

-- Returns a new asset of "ORIGIN UNITS[ TERMS]", which continues the record and the revision of a removed one, if there is
-- one `before`. Clears leftovers of an earlier asset of that name, in case the server lost half of it.
local function begin(text, before)
  clear()
  redis.call('HSET', holders, '/', FILLER)
  local origin, units, terms = string.match(text, '^(%x+) (%d+) ?(.*)$')
  units = tonumber(units)
  local it = {
    units = units, created = units, remaining = units, revision = before and before.revision + 1 or 0, removed = false,
    origin = before and before.origin or origin .. '-0', terms = terms ~= '' and terms_of(terms) or nil,
  }
  if events then events.keep(it, 'created', now) end
  return it
end

-- Takes a unit for a player, and appends the grant to the arguments of HSET and ZADD. Returns its value in holders.
local function take(it, field, lease, fields, members)
  it.remaining, it.revision = it.remaining - 1, it.revision + 1
  local value = string.format('%016.0f/%s', it.revision, now_text)
  members[#members + 1], members[#members + 2] = 0, asset .. '/' .. value .. string.sub(field, #asset + 1)
  if lease then value = value .. it.terms.expect_end(field, it.revision, lease, members) end
  fields[#fields + 1], fields[#fields + 2] = field, value
  if events then events.keep(it, 'granted', now, field, lease) end
  return value
end

-- Ends the grants of these fields of holders, in this order: for a reason, or because their deadlines have passed. Returns
-- whether there are any.
local function end_grants(it, fields, reason)
  local gone, members, ended = {}, {}, {}
  for i, value in ipairs(redis.call('HMGET', holders, unpack(fields))) do
    if value then
      it.remaining, it.revision = it.remaining + 1, it.revision + 1
      gone[#gone + 1] = fields[i]
      members[#members + 1] = asset .. '/' .. string.match(value, '^%d+/%d+') .. string.sub(fields[i], #asset + 1)
      local at, why = now, reason
      if it.terms then
        members[#members + 1], ended[#ended + 1], at, why = it.terms.ended(it, fields[i], value, reason)
      end
      if events then events.keep(it, 'released', at, fields[i], nil, why, not reason) end
    end
  end
  if #gone == 0 then return false end
  redis.call('HDEL', holders, unpack(gone))
  redis.call('ZREM', grants, unpack(members))
  if it.terms then it.terms.remember(ended) end
  list_first(it)
  return true
end

-- Returns the asset and the earlier outcome of the call. Before a new call, grants end whose deadlines have passed.
local function find()
  local it, outcome = load(), answered()
  if it and it.terms_text ~= '' then
    it.terms = terms_of(it.terms_text)
    if not outcome then it.terms.strike(it) end
  end
  return it, outcome
end

-- Saves and records a new call. Grants may have ended before it, whatever its outcome.
local function conclude(it, outcome)
  if it.terms and (it.ended or outcome == CHANGED) then it.terms.changed_at = now end
  if it.looked or outcome == CHANGED then save(it) end
  if events then events.append() end
  record(outcome)
end

-- The same, but no asset means unknown. A new call on a removed asset is refused, and stays refused when retried.
local function resume()
  local it, outcome = find()
  if it and it.removed and not outcome then
    outcome = UNKNOWN
    record(outcome)
  end
  return outcome ~= UNKNOWN and it or nil, outcome
end
