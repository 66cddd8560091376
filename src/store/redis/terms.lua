-- Follows change.lua: the rules of grants that end, as in store/rules/leases.rs, and the text of model/terms.rs.

-- Returns the terms of a text. Makes all functions for them here, because a script makes its functions anew on each call,
-- at 0.1 us each, and most assets have no terms.
function terms_of(text)
  local options, hold, grant, leave, cooldown, for_ms, players, created_at, changed_at, next_end, ends =
    string.match(text, '^((%S+) (%S+) (%S+) (%S+) (%S+) (%S+)) (%d+) (%d+) (%S+)(.*)$')
  hold, grant, leave = tonumber(hold), tonumber(grant), tonumber(leave)
  cooldown, for_ms = tonumber(cooldown), tonumber(for_ms)
  local terms = {
    options = options, hold = hold, leave = leave, created_at = tonumber(created_at),
    changed_at = tonumber(changed_at), next_end = tonumber(next_end),
  }

  local function or_dash(number)
    return number and string.format('%.0f', number) or '-'
  end

  function terms.text()
    local times = string.format(' %.0f %.0f %s', terms.created_at, terms.changed_at, or_dash(terms.next_end))
    return options .. times .. ends
  end

  local function player_of(field)
    return string.sub(field, #asset + 2)
  end

  -- The deadlines of a lease are `till` and `present`.
  local function ends_at(lease)
    return lease.till and lease.present and math.min(lease.till, lease.present) or lease.till or lease.present
  end

  -- Returns the member of grants for the end of a grant, or nil if it does not end.
  local function end_of(field, revision, lease)
    local at = ends_at(lease)
    return at and string.format('/%s/%016.0f/%016.0f/%s', asset, at, revision, player_of(field))
  end

  -- Why a grant ends at its deadline.
  local function reason_of(lease)
    if not lease.till or lease.present and lease.present < lease.till then return 'l' end
    return lease.hold and 'x' or 's'
  end

  -- Returns the grant of a field and value of holders, with its lease.
  function terms.grant_of(field, value)
    local revision, at, till, present, state = string.match(value, '^(%d+)/(%d+)/?[^/]*/?([^/]*)/?([^/]*)/?(%a?)$')
    return {
      field = field, value = value, revision = tonumber(revision), at = tonumber(at), till = tonumber(till),
      present = tonumber(present), hold = state == 'h',
    }
  end

  -- The lease of a grant now, as a hold if the asset has holds.
  function terms.new_lease()
    local ms = hold or grant
    return { till = ms and now + ms, present = leave and now + leave, hold = hold ~= nil }
  end

  -- Makes it the lease of a grant that is confirmed now.
  function terms.confirm(lease)
    lease.till, lease.hold = grant and now + grant, false
    return lease
  end

  -- Notes when a grant ends, also in the arguments of ZADD. Returns "/LEASE", or "" if it does not end.
  function terms.expect_end(field, revision, lease, members)
    local at = ends_at(lease)
    if not at then return '' end
    members[#members + 1], members[#members + 2] = 0, end_of(field, revision, lease)
    terms.next_end = math.min(at, terms.next_end or at)
    local state = lease.hold and 'h' or 'c'
    return string.format('/%016.0f/%s/%s/%s', at, or_dash(lease.till), or_dash(lease.present), state)
  end

  -- Stores grants whose leases `change` changes.
  function terms.change_leases(it, changed, change)
    local fields, old, new = {}, {}, {}
    for _, grant in ipairs(changed) do
      old[#old + 1] = end_of(grant.field, grant.revision, grant)
      change(grant)
      grant.value = string.match(grant.value, '^%d+/%d+') .. terms.expect_end(grant.field, grant.revision, grant, new)
      fields[#fields + 1], fields[#fields + 2] = grant.field, grant.value
    end
    redis.call('HSET', holders, unpack(fields))
    if #old > 0 then redis.call('ZREM', grants, unpack(old)) end
    if #new > 0 then redis.call('ZADD', grants, unpack(new)) end
    list_first(it)
    it.revision = it.revision + 1
  end

  -- Returns the member of grants for the end of a grant, and what `remember` takes, after the unit was given back; then when
  -- and why it ended.
  function terms.ended(it, field, value, reason)
    local grant = terms.grant_of(field, value)
    local at, why = reason and now or ends_at(grant), reason or reason_of(grant)
    local ended = string.format(' %s/%.0f/%.0f/%.0f/%.0f/%.0f/%s', player_of(field), grant.revision, grant.at,
      it.revision, it.remaining, at, why)
    return end_of(field, grant.revision, grant), ended, at, why
  end

  -- Remembers ends, and forgets the oldest.
  function terms.remember(ended)
    ends = ends .. table.concat(ended)
    local _, count = string.gsub(ends, ' ', '')
    local start = 1
    local function is_over()
      local at = string.match(ends, '^ [^/]+/%d+/%d+/%d+/%d+/(%d+)/', start)
      return tonumber(at) + (cooldown or 0) <= now
    end
    while count > ENDS_KEPT and (count > ENDS_KEPT_IN_COOLDOWN or is_over()) do
      start, count = string.find(ends, ' ', start + 1, true), count - 1
    end
    ends = string.sub(ends, start)
  end

  -- Returns when and why the player's last grant ended, if that is remembered.
  function terms.last_end(field)
    local mark, start, found = ' ' .. player_of(field) .. '/', nil, 0
    repeat
      start, found = found, string.find(ends, mark, found + 1, true)
    until not found
    if start == 0 then return nil end
    local at, reason = string.match(ends, '^ [^/]+/%d+/%d+/%d+/%d+/(%d+)/(%a)', start)
    return tonumber(at), reason
  end

  -- Returns "rMS" or "cMS" for a player who gets no unit for so long although one may be left: the asset is reserved, or
  -- the player's last grant ended too recently.
  function terms.bars(field)
    if for_ms and not string.find(players, ',' .. player_of(field) .. ',', 1, true) then
      local left = terms.created_at + for_ms - now
      if left > 0 then return string.format('r%.0f', left) end
    end
    local ended_at = cooldown and terms.last_end(field)
    local left = ended_at and ended_at + cooldown - now or 0
    if left > 0 then return string.format('c%.0f', left) end
  end

  -- Ends the grants whose deadlines have passed. Every new call begins with it.
  function terms.strike(it)
    if now < terms.changed_at then now, now_text = terms.changed_at, changed_at end
    if not terms.next_end or terms.next_end > now then return end
    local from, after = '[/' .. asset .. '/', string.format('(/%s/%016.0f', asset, now + 1)
    repeat
      local due, fields = redis.call('ZRANGEBYLEX', grants, from, after, 'LIMIT', 0, PAGE), {}
      for i, member in ipairs(due) do fields[i] = asset .. string.match(member, '/[^/]+$') end
      if #due > 0 then
        it.ended = end_grants(it, fields) or it.ended
        -- Also an end without a grant, in case the server lost half of it, because otherwise it would stay the first.
        redis.call('ZREM', grants, unpack(due))
      end
    until #due < PAGE
    local first_left = redis.call('ZRANGEBYLEX', grants, from, '(/' .. asset .. '0', 'LIMIT', 0, 1)[1]
    terms.next_end = first_left and tonumber(string.match(first_left, '^/[^/]+/(%d+)/'))
    it.looked = true
  end

  return terms
end
