-- Lets a hold begin anew.
-- ARGV  8 milliseconds after the grant until which it lasts at most

local most = tonumber(ARGV[8])

local function extend(it)
  local grant = held(it)
  if not grant then return without_grant(it) end
  if not grant.hold then return CONFLICT end
  local longer = math.min(now + it.terms.hold, grant.at + most)
  if longer <= grant.till then return UNCHANGED, grant end
  it.terms.change_leases(it, { grant }, function() grant.till = longer end)
  return CHANGED, grant
end

local it, outcome = resume()
if not it then return { 'unknown' } end
local again, grant = outcome ~= nil, nil
if again then
  outcome, grant = look_up(it, outcome, false)
else
  outcome, grant = extend(it)
  conclude(it, outcome)
end
return answer(it, again, outcome, grant)
