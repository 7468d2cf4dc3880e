-- Releases the chunks' bytes. Ignores chunks without a reservation. Deletes the sums along with the last reservation, so
-- an error in a sum does not persist.
--
-- KEYS     as in reserve-bytes.lua
-- ARGV     chunk IDs
--
-- Returns the number of bytes released.
local freed, bulk = 0, 0
local clock = tonumber(redis.call('HGET', KEYS[5], 'clock') or '0')
for i = 1, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[i])
  if entry then
    redis.call('HDEL', KEYS[1], ARGV[i])
    local bytes, partner, start = string.match(entry, '^(%d+) ([^: ]+)%S* %d+ ?(%d*)$')
    freed = freed + tonumber(bytes)
    if redis.call('HINCRBY', KEYS[3], partner, -tonumber(bytes)) <= 0 then
      redis.call('HDEL', KEYS[3], partner)
      redis.call('HDEL', KEYS[4], partner)
    end
    if start ~= '' then
      bulk = bulk + 1
      clock = math.max(clock, tonumber(start))
    end
  end
end
if freed > 0 then redis.call('DECRBY', KEYS[2], freed) end
if bulk > 0 then
  if redis.call('HINCRBY', KEYS[5], 'open', -bulk) <= 0 then redis.call('DEL', KEYS[4], KEYS[5])
  else redis.call('HSET', KEYS[5], 'clock', clock) end
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5]) end
return freed
