-- Marks a room in which events may wait. Needs nothing of common.lua.
-- KEYS  1 marks  zset  "ROOM NOW": when changes of the room were announced, in Unix milliseconds; all with score 0, so sorted
--                      by room; names contain no space
-- ARGV  1 room    2 now
-- OUT   {"ok"}

local room, now = ARGV[1], ARGV[2]
for _, mark in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. room .. ' ', '(' .. room .. '!')) do
  local at = string.match(mark, '%d+$')
  if tonumber(at) > tonumber(now) then now = at end
  redis.call('ZREM', KEYS[1], mark)
end
redis.call('ZADD', KEYS[1], 0, room .. ' ' .. now)
return { 'ok' }
