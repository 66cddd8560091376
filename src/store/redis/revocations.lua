-- Reads the revocations that have not ended. Needs nothing of common.lua.
-- KEYS  1 revocations, as in revoke.lua
-- ARGV  1 now    2 "1" if the call waits for replicas
-- OUT   {"ok", {JSON, ...}}

-- There must be something to write, because otherwise a primary that was replaced unawares would not wait for the
-- replicas.
if ARGV[2] == '1' then
  redis.call('ZREM', KEYS[1], '')
  redis.call('ZADD', KEYS[1], '+inf', '')
end
return { 'ok', redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '(+inf') }
