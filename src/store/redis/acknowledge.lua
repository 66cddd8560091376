-- Moves events of a room to the histories of their assets, and ends its lease if all that were handed out under it are moved.
-- KEYS  7... the histories, if there are any; see history.lua
-- ARGV  3 milliseconds for which an event stays in a history, 0: events are deleted    4 maximum number of events of one
--       5 events that happened at this time or before are too old
--       6... "N asset/ORIGIN/REVISION/FIRST/": which history, and how the event begins
-- OUT   {"ok"}

local events, lease, moved = KEYS[5], KEYS[6], 0
local age, most, too_old, added = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), {}
for i = 6, #ARGV do
  local place, prefix = string.match(ARGV[i], '^(%d+) (.+)$')
  place = tonumber(place)
  -- "0" is the character after "/".
  local from, after = '[' .. prefix, '(' .. string.sub(prefix, 1, -2) .. '0'
  if age > 0 then
    for _, event in ipairs(redis.call('ZRANGEBYLEX', events, from, after)) do
      redis.call('ZADD', KEYS[ROOM_KEYS + 2 + place], 0, string.match(event, '/(.*)$'))
      added[place] = (added[place] or 0) + 1
    end
  end
  moved = moved + redis.call('ZREMRANGEBYLEX', events, from, after)
end

-- Deletes the oldest beyond the most, and of those that are too old twice as many as were added, so that no more stay than are
-- young enough.
for place, count in pairs(added) do
  local history, old = KEYS[ROOM_KEYS + 2 + place], 0
  local surplus = redis.call('ZCARD', history) - most
  if surplus > 0 then redis.call('ZREMRANGEBYRANK', history, 0, surplus - 1) end
  for _, event in ipairs(redis.call('ZRANGE', history, 0, 2 * count)) do
    if tonumber(string.match(event, '^%x+/%d+/%d+/%a+/(%d+)/')) > too_old then break end
    old = old + 1
  end
  if old > 0 then redis.call('ZREMRANGEBYRANK', history, 0, old - 1) end
  redis.call('PEXPIRE', history, age)
end

local taker, till, open, turns = string.match(redis.call('GET', lease) or '0/0/0//', '^(%x+)/(%d+)/(%d+)(/.*)$')
open = math.max(tonumber(open) - moved, 0)
-- Written even if nothing changes, because otherwise a repeat would not wait for the replicas.
redis.call('SET', lease, string.format('%s/%s/%.0f%s', taker, open > 0 and till or '0', open, turns))
if redis.call('EXISTS', events) == 0 then redis.call('UNLINK', lease) end
return { 'ok' }
