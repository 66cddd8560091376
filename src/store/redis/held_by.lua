-- Reads the assets that a player holds.
-- ARGV  3 player
-- OUT   {"ok", {asset, "REVISION/AT[/LEASE]", asset, ...}}

local names, out = redis.call('HKEYS', assets), {}
for start = 1, #names, PAGE do
  local fields = {}
  for i = start, math.min(start + PAGE - 1, #names) do fields[#fields + 1] = names[i] .. '/' .. ARGV[3] end
  for i, grant in ipairs(redis.call('HMGET', holders, unpack(fields))) do
    if grant then
      out[#out + 1] = names[start + i - 1]
      out[#out + 1] = grant
    end
  end
end
return { 'ok', out }
