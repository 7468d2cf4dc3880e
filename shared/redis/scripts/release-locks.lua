-- Releases the holder's locks. Ignores locks that have expired or now belong to another holder.
--
-- KEYS     locks
-- ARGV[1]  holder's token
--
-- Returns the number of locks released.
local released = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then released = released + redis.call('DEL', key) end
end
return released
