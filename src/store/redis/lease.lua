-- Follows terms.lua in confirm.lua and extend.lua.
-- ARGV  7 "asset/player"
-- OUT   {"ok", repeated, record, first holders, changed, grant}, {"unknown"}, {"not_held"} or {"conflict", revision}; the
--       grant is "REVISION/AT[/LEASE]", or "" if it ended because a deadline passed

local field = ARGV[7]

-- Returns the player's grant, or nil.
local function held(it)
  local value = redis.call('HGET', holders, field)
  if value and it.terms then return it.terms.grant_of(field, value) end
  return value and { value = value, hold = false } or nil
end

-- The outcome for a player without a unit: UNCHANGED if the last grant ended because a deadline passed.
local function without_grant(it)
  local at, reason
  if it.terms then at, reason = it.terms.last_end(field) end
  return at and string.find('xsl', reason, 1, true) and UNCHANGED or NOT_HELD
end

-- Returns the outcome of a repeated call, and the grant. A player who holds a new hold since was told that the old one
-- had expired.
local function look_up(it, outcome, confirms)
  local grant = held(it)
  if outcome == CHANGED then return outcome, grant end
  if grant and grant.hold ~= confirms then return UNCHANGED, grant end
  if outcome == CONFLICT then return confirms and NOT_HELD or CONFLICT end
  return without_grant(it)
end

local function answer(it, again, outcome, grant)
  if outcome == NOT_HELD then return { 'not_held' } end
  if outcome == CONFLICT then return { 'conflict', it.revision } end
  return { 'ok', again and 1 or 0, it.text, first(), outcome == CHANGED and 1 or 0, grant and grant.value or '' }
end

-- Decides the call, unless an earlier copy was executed, and returns the reply. `confirms`: it is a confirmation.
local function run(decide, confirms)
  local it, outcome = resume()
  if not it then return { 'unknown' } end
  local again, grant = outcome ~= nil, nil
  if again then
    outcome, grant = look_up(it, outcome, confirms)
  else
    outcome, grant = decide(it)
    conclude(it, outcome)
  end
  return answer(it, again, outcome, grant)
end
