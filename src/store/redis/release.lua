-- Deletes a holder and returns its unit.
-- ARGV  6 "asset/player"
-- OUT   {"ok", repeated, record, first holders}, {"unknown"} or {"not_held"}

local field = ARGV[6]
local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then
  local grant = redis.call('HGET', holders, field)
  outcome = grant and CHANGED or NOT_HELD
  if grant then
    redis.call('HDEL', holders, field)
    redis.call('ZREM', grants, asset .. '/' .. grant .. string.sub(field, #asset + 1))
    list_first()
    it.remaining, it.revision = it.remaining + 1, it.revision + 1
    save(it)
  end
  record(outcome)
end
if outcome ~= CHANGED then return { 'not_held' } end
return { 'ok', again and 1 or 0, it.text, first() }
