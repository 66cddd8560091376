-- Forgets the mark of a room in which no event waits, if it is old. Needs nothing of common.lua.
-- KEYS  1 marks, as in mark.lua
-- ARGV  1 room    2 the latest time of an old mark
-- OUT   {"ok"}

for _, mark in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1] .. ' ', '(' .. ARGV[1] .. '!')) do
  if tonumber(string.match(mark, '%d+$')) <= tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], mark) end
end
return { 'ok' }
