-- Removes all assets of a room. Their events stay.
-- OUT   {"ok"}

-- There must be something to remove, because otherwise a retry would not wait for the replicas.
if ARGV[2] == '1' then redis.call('HSET', holders, '/', FILLER) end
redis.call('UNLINK', unpack(KEYS, 1, ROOM_KEYS))
return { 'ok' }
