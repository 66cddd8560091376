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

return run(extend, false)
