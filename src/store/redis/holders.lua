-- Reads a page of holders, ordered by revision.
-- ARGV  4 the lower bound: "[asset/" or "(asset/REVISION0" for those after a revision    5 maximum number
-- OUT   {"ok", grants} or {"unknown"}

local it = load()
if not it or it.removed then return { 'unknown' } end
return { 'ok', page(ARGV[4], ARGV[5], it.terms_text ~= '') }
