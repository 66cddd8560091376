-- Adds a revocation and removes those that have ended. Needs nothing of common.lua.
-- KEYS  1 revocations  zset  a revocation's JSON -> its end, in Unix milliseconds; "" -> +inf: a filler
-- ARGV  1 the JSON    2 its end    3 now
-- OUT   {"ok"}

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
-- A repeat writes it anew, because otherwise it would not wait for the replicas.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return { 'ok' }
