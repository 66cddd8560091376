-- Reads every asset of a room without its holders.
-- OUT   {"ok", {asset, record, asset, ...}}

return { 'ok', redis.call('HGETALL', assets) }
