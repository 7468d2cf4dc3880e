-- Releases locks, unless they expired and somebody else has them now.
--
-- KEYS     the locks
-- ARGV[1]  token of the holder
--
-- Returns how many were released.
local released = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then released = released + redis.call('DEL', key) end
end
return released
