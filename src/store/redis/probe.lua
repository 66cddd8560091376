-- Does with its keys, which are no room's, what other scripts do with a room's: each of their commands once. Leaves nothing.
-- ARGV  1 a time after which they are gone, whatever comes
-- OUT   {"ok"}

local field, member = asset .. '/~', asset .. '/0/0/~'
local it = begin(1, this_call)
redis.call('HMGET', holders, field)
redis.call('HSET', holders, field, '0/0')
redis.call('ZADD', grants, 0, member)
list_first()
save(it)
record(CHANGED)
load()
redis.call('HGETALL', assets)
redis.call('HKEYS', assets)
redis.call('HDEL', holders, field)
redis.call('ZREM', grants, member)
for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
redis.call('UNLINK', unpack(KEYS))
return { 'ok' }
