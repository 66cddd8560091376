-- Begins every script. Above it stand three numbers from model/limits.rs: HOLDERS_SHOWN, REMEMBERED_NODES, MAX_UNITS.
--
-- KEYS  1 assets   hash  asset -> "UNITS CREATED REMAINING REVISION live|removed NODE-SEQ"; CREATED: units at its
--                        creation, NODE-SEQ: the call that made the record
--       2 calls    hash  asset -> each node's last call and what it came to, oldest first: "NODE=SEQ+NODE=SEQ-..."
--       3 holders  hash  "asset/player" -> "REVISION/AT"; "asset/" -> its first holders as in grants, with spaces
--                        between; "/" -> a filler
--       4 grants   zset  "asset/REVISION/AT/player", all of score 0, so in the order of assets, then of revisions
--       All of one room and in one slot; no others are touched. No name has a "/" or a space in it.
-- ARGV  1 milliseconds a room may lie unused, 0: for ever    2 "1" if replicas are waited for    3 asset
-- NODE and SEQ are 16 hexadecimal digits, REVISION in holders and grants 16 decimal ones: text of one width sorts as
-- numbers do. Lua's numbers are exact up to 2^53.
-- OUT   {"unknown"} {"not_held"} {"conflict", number} {"limit"}, or {"ok", ...} as each script says

local assets, calls, holders, grants = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ttl, asset = tonumber(ARGV[1]), ARGV[3]
local PAGE, CALL_LENGTH = 1000, 34

-- What a call comes to: it changed something, or nothing, or was refused.
local CHANGED, UNCHANGED, UNKNOWN, NOT_HELD, CONFLICT, LIMIT = '+', '-', 'u', 'h', 'c', 'l'

-- Longer than what a small hash may have in its compact form, where each look-up reads all fields: looking up 64
-- players in a room of 100 holders took 74 us, and takes 10.
local FILLER = string.rep(' ', 65)

-- On Valkey 9 a WAIT waits for what its own connection wrote, and only that; so a call that may have nothing to write
-- writes something, or it would vouch for what others wrote before it without knowing where that has got to.
if ARGV[2] == '1' and redis.call('EXISTS', holders) == 1 then redis.call('HSET', holders, '/', FILLER) end

-- The asset, or nil.
local function load()
  local text = redis.call('HGET', assets, asset)
  if not text then return nil end
  local units, created, remaining, revision, life, origin =
    string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%a+) (%x+-%x+)$')
  return {
    text = text, units = tonumber(units), created = tonumber(created), remaining = tonumber(remaining),
    revision = tonumber(revision), removed = life == 'removed', origin = origin,
  }
end

local function save(it)
  it.text = string.format('%.0f %.0f %.0f %.0f %s %s', it.units, it.created, it.remaining, it.revision,
    it.removed and 'removed' or 'live', it.origin)
  redis.call('HSET', assets, asset, it.text)
end

-- At most `limit` grants, those after `from`.
local function page(from, limit)
  return redis.call('ZRANGEBYLEX', grants, from, '(' .. asset .. '0', 'LIMIT', 0, limit)
end

-- The first holders are part of every answer, so they are kept ready: to be called when they may be others now.
local function list_first()
  redis.call('HSET', holders, asset .. '/', table.concat(page('[' .. asset .. '/', HOLDERS_SHOWN), ' '))
end

local function first()
  return redis.call('HGET', holders, asset .. '/') or ''
end

-- Strikes every holder.
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
end

-- A new asset; what an earlier one of its name left behind in a store that lost half of it never counts.
local function begin(units, origin)
  clear()
  redis.call('HSET', holders, '/', FILLER)
  return { units = units, created = units, remaining = units, revision = 0, removed = false, origin = origin }
end

-- Sees to it that all keys of the room expire together, or none does. The youngest key tells for all.
local function keep()
  local left = redis.call('PTTL', grants)
  if left == -2 then left = redis.call('PTTL', assets) end
  if ttl == 0 and left >= 0 then
    for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
  elseif ttl > 0 and (left < ttl * 7 / 8 or left > ttl) then
    for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
  end
end
