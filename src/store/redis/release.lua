-- Strikes a holder and gives its unit back.
-- ARGV  6 "asset/player"
-- OUT   {"ok", repeated, record, first holders}, {"unknown"} or {"not_held"}

local field = ARGV[6]
local it, done = load(), answered()
local again = done ~= nil
if not it or (it.removed and not again) then return { 'unknown' } end
if not again then
  local grant = redis.call('HGET', holders, field)
  done = grant and true or false
  if done then
    redis.call('HDEL', holders, field)
    redis.call('ZREM', grants, asset .. '/' .. grant .. string.sub(field, #asset + 1))
    list_first()
    it.remaining, it.revision = it.remaining + 1, it.revision + 1
    save(it)
  end
  record(done)
end
if not done then return { 'not_held' } end
return { 'ok', again and 1 or 0, it.text, first() }
