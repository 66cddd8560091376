-- Ends the grants whose deadlines have passed, as every change does first.
-- OUT   {"ok", repeated, record, first holders} or {"unknown"}

local it, outcome = resume()
if not it then return { 'unknown' } end
local again = outcome ~= nil
if not again then conclude(it, it.ended and CHANGED or UNCHANGED) end
return { 'ok', again and 1 or 0, it.text, first() }
