-- Runs each command of the other scripts once, on keys that belong to no room, and leaves nothing.
-- ARGV  1 milliseconds after which the keys expire in any case
-- OUT   {"ok"}

local field, member = asset .. '/~', asset .. '/0/0/~'
local it = begin('0 1')
redis.call('HMGET', holders, field)
redis.call('HSET', holders, field, '0/0')
redis.call('ZADD', grants, 0, member)
list_first(it)
save(it)
record(CHANGED)
load()
redis.call('HGETALL', assets)
redis.call('HKEYS', assets)
redis.call('HDEL', holders, field)
redis.call('ZRANGEBYSCORE', grants, '-inf', 0)
redis.call('ZREM', grants, member)
redis.call('ZREMRANGEBYSCORE', grants, '-inf', 0)
if events then
  events.append()
  redis.call('SET', KEYS[6], redis.call('GET', KEYS[6]) or '')
  redis.call('ZCARD', KEYS[5])
  redis.call('ZRANGE', KEYS[5], 0, 0)
  redis.call('ZREMRANGEBYRANK', KEYS[5], 0, 0)
end
for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
redis.call('UNLINK', unpack(KEYS))
return { 'ok' }
