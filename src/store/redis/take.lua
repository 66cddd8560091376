-- Hands out events of a room, and leases the room to the taker, as in store/outbox.rs.
-- ARGV  3 taker    4 now    5 until when the lease lasts    6 maximum number of events
-- OUT   {"ok", 1 if no event waits or else 0, {"asset/EVENT", ...}}

local events, lease, limit = KEYS[5], KEYS[6], tonumber(ARGV[6])
local taker, till, after, last =
  string.match(redis.call('GET', lease) or '0/0/0//', '^(%x+)/(%d+)/%d+/([^/]*)/([^/]*)$')
local again = taker == ARGV[3]
if not again and tonumber(till) > tonumber(ARGV[4]) then return { 'ok', 0, {} } end

local turn = again and after or last
local taken
if turn == '' then
  taken = redis.call('ZRANGEBYLEX', events, '-', '+', 'LIMIT', 0, limit)
else
  local bound = '(' .. turn .. '0'
  taken = redis.call('ZRANGEBYLEX', events, bound, '+', 'LIMIT', 0, limit)
  for _, event in ipairs(redis.call('ZRANGEBYLEX', events, '-', bound, 'LIMIT', 0, limit - #taken)) do
    taken[#taken + 1] = event
  end
end
if #taken == 0 then return { 'ok', 1, taken } end
local newest = string.match(taken[#taken], '^[^/]+')
redis.call('SET', lease, table.concat({ ARGV[3], ARGV[5], #taken, turn, newest }, '/'))
return { 'ok', 0, taken }
