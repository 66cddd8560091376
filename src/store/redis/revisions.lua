-- Reads every asset of a room without its holders and its terms, which may be several KB.
-- OUT   {"ok", {asset, record without TERMS, asset, ...}}

local all = redis.call('HGETALL', assets)
for i = 2, #all, 2 do
  -- Terms contain a comma, and the other words do not.
  if string.find(all[i], ',', 1, true) then all[i] = string.match(all[i], '^%d+ %d+ %d+ %d+ %a+ %x+-%x+') end
end
return { 'ok', all }
