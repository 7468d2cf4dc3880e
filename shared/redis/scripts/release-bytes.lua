-- Releases the chunks' bytes. Ignores chunks without a reservation.
-- Deletes the total along with the last reservation, so an error in the total does not persist.
--
-- KEYS[1]  reservations: hash that maps chunk IDs to `<bytes> <tenant> <time in ms>`
-- KEYS[2]  total reserved bytes
-- ARGV     chunk IDs
--
-- Returns the number of bytes released.
local freed = 0
for i = 1, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[i])
  if entry then
    redis.call('HDEL', KEYS[1], ARGV[i])
    freed = freed + tonumber(string.match(entry, '^%d+'))
  end
end
if freed > 0 then redis.call('DECRBY', KEYS[2], freed) end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
return freed
