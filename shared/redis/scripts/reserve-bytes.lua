-- Reserves the bytes of queued chunks. Ignores chunks that already have a reservation.
--
-- KEYS[1]  reservations: hash from chunk ID to `<bytes> <tenant> <time in ms>`
-- KEYS[2]  sum of the reserved bytes
-- ARGV     triples of a chunk ID, its reservation and its bytes
--
-- Returns the sum of all reserved bytes, or nil if none are reserved.
local total = false
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    total = redis.call('INCRBY', KEYS[2], ARGV[i + 2])
  end
end
return total or redis.call('GET', KEYS[2])
