-- Reads a page of the history of an asset.
-- KEYS  7 history  zset  "EVENT", as in events: the events of the asset that were acknowledged; all with score 0, so in the
--                        order of its changes. It expires when all of them are too old
-- ARGV  3 asset    4 "ORIGIN/REVISION0", after the events before the page, or ""
--       5 events that happened at this time or before are too old    6 maximum number of events
-- OUT   {"ok", {"asset/EVENT", ...}, {"asset/EVENT", ...}}: those that were acknowledged, and those that wait

local events, history, bound, too_old, limit = KEYS[5], KEYS[7], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local from, young = bound == '' and '-' or '(' .. bound, {}
repeat
  local found = redis.call('ZRANGEBYLEX', history, from, '+', 'LIMIT', 0, PAGE)
  for _, event in ipairs(found) do
    if #young < limit and tonumber(string.match(event, '^%x+/%d+/%d+/%a+/(%d+)/')) > too_old then
      young[#young + 1] = asset .. '/' .. event
    end
  end
  from = '(' .. (found[#found] or '')
until #found < PAGE or #young >= limit
local waiting = redis.call('ZRANGEBYLEX', events, '(' .. asset .. '/' .. bound, '(' .. asset .. '0', 'LIMIT', 0, limit)
return { 'ok', young, waiting }
