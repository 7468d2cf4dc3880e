-- Releases locks, except those that have expired and now belong to another holder.
--
-- KEYS     locks
-- ARGV[1]  token of the holder
--
-- Returns the number of locks released.
local released = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then released = released + redis.call('DEL', key) end
end
return released
