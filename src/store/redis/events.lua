-- Follows terms.lua: keeps changes as events, as in store/rules/events.rs and model/asset_event.rs.

if EVENTS_BACKLOG > 0 then
  local outbox, new, origin = KEYS[5], {}, nil
  events = {}

  -- Returns the origin of a record of "ORIGIN-0" or "NODE-SEQ". Adds the halves, because Lua's numbers are not exact enough.
  local function origin_of(text)
    local node, seq = string.match(text, '^(%x+)-(%x+)$')
    if seq == '0' then return node end
    local function half(word, from, to)
      return tonumber(string.sub(word, from, to), 16)
    end
    local low = half(node, 9, 16) + half(seq, 9, 16)
    local high = half(node, 1, 8) + half(seq, 1, 8) + math.floor(low / 2 ^ 32)
    return string.format('%08x%08x', high % 2 ^ 32, low % 2 ^ 32)
  end

  -- Notes a change at `at`. The asset is as after it; `field`, `lease` and `reason` are those of the grant, if they apply.
  -- `by_time`: a deadline has passed.
  function events.keep(it, kind, at, field, lease, reason, by_time)
    origin = origin or origin_of(it.origin)
    new[#new + 1], new[#new + 2] = 0, string.format('%s/%s/%016.0f/%.0f/%s/%.0f/%.0f/%.0f/%s/%s/%s/%s%s', asset, origin,
      it.revision, it.revision, kind, at, it.units, it.remaining, reason or '',
      lease and lease.till and string.format('%.0f', lease.till) or '', lease and lease.hold and 'h' or '',
      field and string.sub(field, #asset + 2) or '', by_time and '' or by)
  end

  -- Returns what takes the place of the events from `oldest` to `newest`.
  local function merged(oldest, newest)
    local record, first = string.match(oldest, '^([^/]+/%x+/)%d+/(%d+)/')
    local own, revision, numbers = string.match(newest, '^([^/]+/%x+/)(%d+/)%d+/%a+/(%d+/%d+/%d+)/')
    return own .. revision .. (own == record and first or '0') .. '/compacted/' .. numbers .. '////'
  end

  -- Appends the changes that were noted. If more than EVENTS_BACKLOG events wait for the asset, the oldest are merged.
  function events.append()
    if #new == 0 then return end
    for start = 1, #new, PAGE do
      redis.call('ZADD', outbox, unpack(new, start, math.min(start + PAGE - 1, #new)))
    end
    local from, after = '[' .. asset .. '/', '(' .. asset .. '0'
    local surplus = redis.call('ZLEXCOUNT', outbox, from, after) - EVENTS_BACKLOG
    if surplus <= 0 then return end
    local oldest = redis.call('ZRANGEBYLEX', outbox, from, after, 'LIMIT', 0, 1)[1]
    local newest = redis.call('ZRANGEBYLEX', outbox, from, after, 'LIMIT', surplus, 1)[1]
    redis.call('ZREMRANGEBYLEX', outbox, '[' .. oldest, '[' .. newest)
    redis.call('ZADD', outbox, 0, merged(oldest, newest))
  end
end
