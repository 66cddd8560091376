-- Confirms a hold.
-- ARGV  8 "1": a player whose hold has expired takes a unit that is left

local retake = ARGV[8] == '1'

-- Grants a unit again to a player who confirms too late.
local function take_confirmed(it)
  local grant = take(it, field)
  confirm_lease(it.terms, grant)
  add_grants(it, { grant })
  return grant
end

local function confirm(it)
  local grant = held(field)
  if not grant then
    local outcome = without_grant(it)
    if outcome == UNCHANGED and retake and it.remaining > 0 then return CHANGED, take_confirmed(it) end
    return outcome
  end
  if not grant.hold then return UNCHANGED, grant end
  change_leases(it, { grant }, function() confirm_lease(it.terms, grant) end)
  return CHANGED, grant
end

local it, outcome = resume()
if not it then return { 'unknown' } end
local again, grant = outcome ~= nil, nil
if again then
  outcome, grant = look_up(it, outcome, true)
else
  outcome, grant = confirm(it)
  conclude(it, outcome)
end
return answer(it, again, outcome, grant)
