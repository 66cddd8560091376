-- Reads one asset.
-- OUT   {"ok", record, first holders} or {"unknown"}

local it = load()
if not it then return { 'unknown' } end
return { 'ok', it.text, first() }
