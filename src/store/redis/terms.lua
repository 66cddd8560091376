-- Follows common.lua in every script that changes an asset: the rules of grants that end, as in store/rules/leases.rs.
-- ARGV  6 at, the time of the call

-- The time of the change. It does not run backwards: see `strike`.
local now = tonumber(ARGV[6])

local function player_of(field)
  return string.sub(field, #asset + 2)
end

-- Returns the grant of a field and value of holders. `till` and `present` are the deadlines.
local function grant_of(field, value)
  local revision, at, till, present, state = string.match(value, '^(%d+)/(%d+)/?[^/]*/?([^/]*)/?([^/]*)/?(%a?)$')
  return {
    field = field, revision = tonumber(revision), at = tonumber(at), till = tonumber(till),
    present = tonumber(present), hold = state == 'h',
  }
end

-- Returns a player's grant, or nil.
local function held(field)
  local value = redis.call('HGET', holders, field)
  return value and grant_of(field, value) or nil
end

local function ends_at(lease)
  return lease.till and lease.present and math.min(lease.till, lease.present) or lease.till or lease.present
end

-- Returns "/LEASE", or "" if the grant does not end.
local function lease_text(lease)
  local ends = ends_at(lease)
  if not ends then return '' end
  return string.format('/%016.0f/%s/%s/%s', ends, or_dash(lease.till), or_dash(lease.present), lease.hold and 'h' or 'c')
end

-- Returns "REVISION/AT/LEASE".
local function value_of(grant)
  return string.format('%016.0f/%.0f', grant.revision, grant.at) .. lease_text(grant)
end

-- Returns the member of grants for the grant, or for its end, which may be none.
local function member_of(grant)
  return string.format('%s/%016.0f/%.0f/%s', asset, grant.revision, grant.at, player_of(grant.field))
end

local function end_of(grant)
  local ends = ends_at(grant)
  return ends and string.format('/%s/%016.0f/%016.0f/%s', asset, ends, grant.revision, player_of(grant.field))
end

-- Notes that a grant exists, so that it ends in time: in the terms, and in the arguments of ZADD.
local function expect_end(terms, grant, scored)
  local ends = ends_at(grant)
  if not ends then return end
  scored[#scored + 1], scored[#scored + 2] = 0, end_of(grant)
  terms.next_end = math.min(ends, terms.next_end or ends)
end

-- Why a grant ends at its deadline.
local function reason_of(grant)
  if not grant.till or grant.present and grant.present < grant.till then return 'l' end
  return grant.hold and 'x' or 's'
end

-- The lease of a grant now, as a hold if the asset has holds.
local function new_lease(terms)
  local ms = terms.hold or terms.grant
  return { till = ms and now + ms, present = terms.leave and now + terms.leave, hold = terms.hold ~= nil }
end

-- The lease of a grant that is confirmed now.
local function confirm_lease(terms, lease)
  lease.till, lease.hold = terms.grant and now + terms.grant, false
end

-- Returns when and why the player's last grant ended, if that is remembered.
local function last_end(terms, player)
  local mark, start, found = ' ' .. player .. '/', nil, 0
  repeat
    start, found = found, string.find(terms.ends, mark, found + 1, true)
  until not found
  if start == 0 then return nil end
  local at, reason = string.match(terms.ends, '^ [^/]+/%d+/%d+/%d+/%d+/(%d+)/(%a)', start)
  return tonumber(at), reason
end

-- Returns "rMS" or "cMS" for a player who gets no unit for so long although one may be left: the asset is reserved, or
-- the player's last grant ended too recently.
local function bars(terms, player)
  if terms.for_ms and not string.find(terms.players, ',' .. player .. ',', 1, true) then
    local left = terms.created_at + terms.for_ms - now
    if left > 0 then return string.format('r%.0f', left) end
  end
  local ended_at = terms.cooldown and last_end(terms, player)
  if ended_at and ended_at + terms.cooldown > now then
    return string.format('c%.0f', ended_at + terms.cooldown - now)
  end
end

-- Remembers ends, and forgets the oldest.
local function remember(terms, ended)
  local ends, start = terms.ends .. table.concat(ended), 1
  local _, count = string.gsub(ends, ' ', '')
  local function is_over()
    local at = string.match(ends, '^ [^/]+/%d+/%d+/%d+/%d+/(%d+)/', start)
    return tonumber(at) + (terms.cooldown or 0) <= now
  end
  while count > ENDS_KEPT and (count > ENDS_KEPT_IN_COOLDOWN or is_over()) do
    start, count = string.find(ends, ' ', start + 1, true), count - 1
  end
  terms.ends = string.sub(ends, start)
end

-- Ends the grants of these fields of holders, in this order: for a reason, or because their deadlines have passed. Returns
-- whether there are any.
local function end_grants(it, fields, reason)
  local gone, members, ended = {}, {}, {}
  for i, value in ipairs(redis.call('HMGET', holders, unpack(fields))) do
    if value then
      local grant = grant_of(fields[i], value)
      it.remaining, it.revision = it.remaining + 1, it.revision + 1
      gone[#gone + 1], members[#members + 1] = grant.field, member_of(grant)
      if it.terms then
        members[#members + 1] = end_of(grant)
        ended[#ended + 1] = string.format(' %s/%.0f/%.0f/%.0f/%.0f/%.0f/%s', player_of(grant.field), grant.revision,
          grant.at, it.revision, it.remaining, reason and now or ends_at(grant), reason or reason_of(grant))
      end
    end
  end
  if #gone == 0 then return false end
  redis.call('HDEL', holders, unpack(gone))
  redis.call('ZREM', grants, unpack(members))
  if it.terms then remember(it.terms, ended) end
  list_first(it)
  return true
end

-- Ends the grants whose deadlines have passed. Every change of an asset begins with it.
local function strike(it)
  local terms = it.terms
  if not terms then return end
  now = math.max(now, terms.changed_at)
  if not terms.next_end or terms.next_end > now then return end
  local from, after = '[/' .. asset .. '/', string.format('(/%s/%016.0f', asset, now + 1)
  repeat
    local due, fields = redis.call('ZRANGEBYLEX', grants, from, after, 'LIMIT', 0, PAGE), {}
    for i, member in ipairs(due) do fields[i] = asset .. string.match(member, '/[^/]+$') end
    if #due > 0 then
      it.ended = end_grants(it, fields) or it.ended
      -- Also an end without a grant, in case the server lost half of it, because otherwise it would stay the first.
      redis.call('ZREM', grants, unpack(due))
    end
  until #due < PAGE
  local first_left = redis.call('ZRANGEBYLEX', grants, from, '(/' .. asset .. '0', 'LIMIT', 0, 1)[1]
  terms.next_end = first_left and tonumber(string.match(first_left, '^/[^/]+/(%d+)/'))
  it.looked = true
end

-- Takes a unit for a player. Returns the grant, which is not stored yet.
local function take(it, field)
  it.remaining, it.revision = it.remaining - 1, it.revision + 1
  local grant = it.terms and new_lease(it.terms) or {}
  grant.field, grant.revision, grant.at = field, it.revision, now
  return grant
end

-- Stores the grants of units that were taken.
local function add_grants(it, taken)
  local fields, members = {}, {}
  for _, grant in ipairs(taken) do
    fields[#fields + 1], fields[#fields + 2] = grant.field, value_of(grant)
    members[#members + 1], members[#members + 2] = 0, member_of(grant)
    expect_end(it.terms, grant, members)
  end
  redis.call('HSET', holders, unpack(fields))
  redis.call('ZADD', grants, unpack(members))
  if it.units - it.remaining - #taken < HOLDERS_SHOWN then list_first(it) end
end

-- Stores grants whose leases `change` changes.
local function change_leases(it, changed, change)
  local values, old, new = {}, {}, {}
  for _, grant in ipairs(changed) do
    old[#old + 1] = end_of(grant)
    change(grant)
    values[#values + 1], values[#values + 2] = grant.field, value_of(grant)
    expect_end(it.terms, grant, new)
  end
  redis.call('HSET', holders, unpack(values))
  if #old > 0 then redis.call('ZREM', grants, unpack(old)) end
  if #new > 0 then redis.call('ZADD', grants, unpack(new)) end
  list_first(it)
  it.revision = it.revision + 1
end
