-- Removes everything of a room.
-- OUT   {"ok"}

-- There must be something to remove, or a repeat would not wait for the replicas.
if ARGV[2] == '1' then redis.call('HSET', holders, '/', FILLER) end
redis.call('UNLINK', unpack(KEYS))
return { 'ok' }
