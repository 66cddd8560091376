-- The prefix of every script on a room. Numbers precede it: HOLDERS_SHOWN, REMEMBERED_NODES, MAX_UNITS, ENDS_KEPT and
-- ENDS_KEPT_IN_COOLDOWN from model/limits.rs, and EVENTS_BACKLOG, the maximum number of events that wait for an asset; 0:
-- changes are not kept as events.
--
-- KEYS  1 assets   hash  asset -> "UNITS CREATED REMAINING REVISION live|removed ORIGIN-0[ TERMS]"; CREATED: units at its
--                        creation, ORIGIN: 16 hexadecimal digits, TERMS: as in model/terms.rs, if the asset has options.
--                        Versions before events wrote NODE-SEQ of the creating call; the origin is the sum of both words
--       2 calls    hash  asset -> the last call of each node with its outcome, oldest first: "NODE=SEQ+NODE=SEQ-..."
--       3 holders  hash  "asset/player" -> "REVISION/AT[/LEASE]"; LEASE: as in model/lease.rs, if the grant ends;
--                        "asset/" -> its first holders, each as in grants with "/LEASE" if it ends, separated by spaces;
--                        "/" -> a filler
--       4 grants   zset  "asset/REVISION/AT/player", and for a grant that ends "/asset/ENDS/REVISION/player"; all with
--                        score 0, so sorted by asset, then by revision, and apart from these by deadline
--       5 events   zset  "asset/EVENT", EVENT: as in model/asset_event.rs; all with score 0, so sorted by asset, then in the
--                        order of its changes
--       6 lease    string of events, as in store/outbox.rs
--       All keys belong to one room and one slot; no others are accessed. Events and their lease outlive the room, and are
--       only there if changes are kept as events. Names contain no "/" and no space.
-- ARGV  1 milliseconds an unused room is kept, 0: for ever    2 "1" if the call waits for replicas    3 asset
-- NODE and SEQ are 16 hexadecimal digits, REVISION in holders and grants and ENDS 16 decimal digits, because text of equal
-- width sorts like numbers. Lua's numbers are exact up to 2^53.
-- OUT   {"unknown"} {"not_held"} {"conflict", number} {"limit"}, or {"ok", ...} as each script states

local assets, calls, holders, grants = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ttl, asset = tonumber(ARGV[1]), ARGV[3]
local PAGE, CALL_LENGTH, ROOM_KEYS = 1000, 34, 4

-- The outcomes of a call: changed, unchanged, or refused.
local CHANGED, UNCHANGED, UNKNOWN, NOT_HELD, CONFLICT, LIMIT = '+', '-', 'u', 'h', 'c', 'l'

-- Longer than a value in a compact small hash may be, because a look-up in the compact form reads all fields:
-- looking up 64 players in a room of 100 holders took 74 us, and takes 10.
local FILLER = string.rep(' ', 65)

-- On Valkey 9 a WAIT only covers writes of its own connection. So a call that may have nothing to write writes
-- this, because otherwise it would confirm earlier writes of others without knowing whether they are
-- replicated.
if ARGV[2] == '1' and redis.call('EXISTS', holders) == 1 then redis.call('HSET', holders, '/', FILLER) end

-- Returns the asset, or nil. The terms stay text.
local function load()
  local text = redis.call('HGET', assets, asset)
  if not text then return nil end
  local units, created, remaining, revision, life, origin, terms =
    string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%a+) (%x+-%x+) ?(.*)$')
  return {
    text = text, units = tonumber(units), created = tonumber(created), remaining = tonumber(remaining),
    revision = tonumber(revision), removed = life == 'removed', origin = origin, terms_text = terms,
  }
end

-- Returns at most `limit` grants, beginning at the bound `from`, as in grants or with their leases.
local function page(from, limit, with_leases)
  local members = redis.call('ZRANGEBYLEX', grants, from, '(' .. asset .. '0', 'LIMIT', 0, limit)
  if not with_leases then return members end
  for start = 1, #members, PAGE do
    local fields = {}
    for i = start, math.min(start + PAGE - 1, #members) do
      fields[#fields + 1] = asset .. string.match(members[i], '/[^/]+$')
    end
    for i, value in ipairs(redis.call('HMGET', holders, unpack(fields))) do
      local lease = value and string.match(value, '^%d+/%d+(/.+)$') or ''
      members[start + i - 1] = members[start + i - 1] .. lease
    end
  end
  return members
end

local function first()
  return redis.call('HGET', holders, asset .. '/') or ''
end

-- Makes the first ROOM_KEYS keys expire together, or none. The youngest key is checked on behalf of all.
local function keep()
  local left = redis.call('PTTL', grants)
  if left == -2 then left = redis.call('PTTL', assets) end
  if ttl == 0 and left >= 0 then
    for i = 1, ROOM_KEYS do redis.call('PERSIST', KEYS[i]) end
  elseif ttl > 0 and (left < ttl * 7 / 8 or left > ttl) then
    for i = 1, ROOM_KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
  end
end
