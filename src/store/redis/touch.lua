-- Records that the room is in use.
-- OUT   {"ok"}

keep()
return { 'ok' }
