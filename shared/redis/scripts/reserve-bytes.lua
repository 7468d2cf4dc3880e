-- Reserves the bytes of queued chunks. Ignores chunks that already have a reservation.
--
-- KEYS[1]  reservations: hash that maps chunk IDs to `<bytes> <tenant> <time in ms>`
-- KEYS[2]  total reserved bytes
-- ARGV     (chunk ID, reservation, bytes) triples
--
-- Returns the total reserved bytes, or nil if none are reserved.
local total = false
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    total = redis.call('INCRBY', KEYS[2], ARGV[i + 2])
  end
end
return total or redis.call('GET', KEYS[2])
