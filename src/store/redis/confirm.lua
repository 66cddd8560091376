-- Confirms a hold.
-- ARGV  8 "1": a player whose hold has expired takes a unit that is left

local retake = ARGV[8] == '1'

-- Grants a unit again to a player who confirms too late.
local function take_confirmed(it)
  local fields, members = {}, {}
  local value = take(it, field, it.terms.confirm(it.terms.new_lease()), fields, members)
  redis.call('HSET', holders, unpack(fields))
  redis.call('ZADD', grants, unpack(members))
  list_first(it)
  return { value = value }
end

local function confirm(it)
  local grant = held(it)
  if not grant then
    local outcome = without_grant(it)
    if outcome == UNCHANGED and retake and it.remaining > 0 then return CHANGED, take_confirmed(it) end
    return outcome
  end
  if not grant.hold then return UNCHANGED, grant end
  it.terms.change_leases(it, { grant }, it.terms.confirm)
  if events then events.keep(it, 'confirmed', now, field, grant) end
  return CHANGED, grant
end

return run(confirm, true)
