-- The prefix of every script. Three numbers from model/limits.rs precede it: HOLDERS_SHOWN, REMEMBERED_NODES and
-- MAX_UNITS.
--
-- KEYS  1 assets   hash  asset -> "UNITS CREATED REMAINING REVISION live|removed NODE-SEQ"; CREATED: units at its
--                        creation, NODE-SEQ: the call that created the record
--       2 calls    hash  asset -> the last call of each node with its outcome, oldest first: "NODE=SEQ+NODE=SEQ-..."
--       3 holders  hash  "asset/player" -> "REVISION/AT"; "asset/" -> its first holders as in grants, separated by
--                        spaces; "/" -> a filler
--       4 grants   zset  "asset/REVISION/AT/player", all with score 0, so sorted by asset, then by revision
--       All keys belong to one room and one slot; no others are accessed. Names contain no "/" and no space.
-- ARGV  1 milliseconds an unused room is kept, 0: for ever    2 "1" if the call waits for replicas    3 asset
-- NODE and SEQ are 16 hexadecimal digits, REVISION in holders and grants 16 decimal digits, because text of equal
-- width sorts like numbers. Lua's numbers are exact up to 2^53.
-- OUT   {"unknown"} {"not_held"} {"conflict", number} {"limit"}, or {"ok", ...} as each script states

local assets, calls, holders, grants = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ttl, asset = tonumber(ARGV[1]), ARGV[3]
local PAGE, CALL_LENGTH = 1000, 34

-- The outcomes of a call: changed, unchanged, or refused.
local CHANGED, UNCHANGED, UNKNOWN, NOT_HELD, CONFLICT, LIMIT = '+', '-', 'u', 'h', 'c', 'l'

-- Longer than a value in a compact small hash may be, because a look-up in the compact form reads all fields:
-- looking up 64 players in a room of 100 holders took 74 us, and takes 10.
local FILLER = string.rep(' ', 65)

-- On Valkey 9 a WAIT only covers writes of its own connection. So a call that may have nothing to write writes
-- this, because otherwise it would confirm earlier writes of others without knowing whether they are
-- replicated.
if ARGV[2] == '1' and redis.call('EXISTS', holders) == 1 then redis.call('HSET', holders, '/', FILLER) end

-- Returns the asset, or nil.
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

-- Returns at most `limit` grants, beginning at the bound `from`.
local function page(from, limit)
  return redis.call('ZRANGEBYLEX', grants, from, '(' .. asset .. '0', 'LIMIT', 0, limit)
end

-- Stores the first holders, because every answer contains them. Call it whenever they may have changed.
local function list_first()
  redis.call('HSET', holders, asset .. '/', table.concat(page('[' .. asset .. '/', HOLDERS_SHOWN), ' '))
end

local function first()
  return redis.call('HGET', holders, asset .. '/') or ''
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
end

-- Returns a new asset. Clears leftovers of an earlier asset of that name, in case the server lost half of it.
local function begin(units, origin)
  clear()
  redis.call('HSET', holders, '/', FILLER)
  return { units = units, created = units, remaining = units, revision = 0, removed = false, origin = origin }
end

-- Makes all keys of the room expire together, or none. The youngest key is checked on behalf of all.
local function keep()
  local left = redis.call('PTTL', grants)
  if left == -2 then left = redis.call('PTTL', assets) end
  if ttl == 0 and left >= 0 then
    for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
  elseif ttl > 0 and (left < ttl * 7 / 8 or left > ttl) then
    for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
  end
end
