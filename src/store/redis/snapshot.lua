-- Reads every asset of a room.
-- OUT   {"ok", {asset, record, first holders, asset, ...}}

local all, out = redis.call('HGETALL', assets), {}
for start = 1, #all, 2 * PAGE do
  local stop, lists = math.min(start + 2 * PAGE - 1, #all), {}
  for i = start, stop, 2 do lists[#lists + 1] = all[i] .. '/' end
  for n, list in ipairs(redis.call('HMGET', holders, unpack(lists))) do
    local i = start + 2 * (n - 1)
    out[#out + 1], out[#out + 2], out[#out + 3] = all[i], all[i + 1], list or ''
  end
end
return { 'ok', out }
