-- Prolongs the grants of players who are in the room.
-- ARGV  7... "asset/player", distinct
-- OUT   {"ok", repeated, record, first holders} or {"unknown"}

-- Returns the outcome.
local function prolong(it)
  local leave, short = it.terms and it.terms.leave, {}
  if not leave or #ARGV < 7 then return UNCHANGED end
  for i, value in ipairs(redis.call('HMGET', holders, unpack(ARGV, 7))) do
    local grant = value and it.terms.grant_of(ARGV[i + 6], value)
    if grant and (grant.present or 0) < now + leave then short[#short + 1] = grant end
  end
  if #short == 0 then return UNCHANGED end
  it.terms.change_leases(it, short, function(grant) grant.present = now + leave end)
  return CHANGED
end

local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then conclude(it, prolong(it)) end
return { 'ok', again and 1 or 0, it.text, first() }
