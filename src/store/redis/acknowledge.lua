-- Deletes events of a room, and ends its lease if all that were handed out under it are deleted.
-- ARGV  3... "asset/ORIGIN/REVISION/FIRST/", how each begins
-- OUT   {"ok"}

local events, lease, deleted = KEYS[5], KEYS[6], 0
for i = 3, #ARGV do
  -- "0" is the character after "/".
  local after = '(' .. string.sub(ARGV[i], 1, -2) .. '0'
  deleted = deleted + redis.call('ZREMRANGEBYLEX', events, '[' .. ARGV[i], after)
end
local taker, till, open, turns = string.match(redis.call('GET', lease) or '0/0/0//', '^(%x+)/(%d+)/(%d+)(/.*)$')
open = math.max(tonumber(open) - deleted, 0)
-- Written even if nothing changes, because otherwise a repeat would not wait for the replicas.
redis.call('SET', lease, string.format('%s/%s/%.0f%s', taker, open > 0 and till or '0', open, turns))
if redis.call('EXISTS', events) == 0 then redis.call('UNLINK', lease) end
return { 'ok' }
