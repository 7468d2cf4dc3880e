-- Moves chunks of one tenant from the open to the finalized ones, in one step, so that a chunk whose job may still exist
-- is always in one of the two sets. Also accepts chunks that are not open.
--
-- KEYS[1]  open chunks of the tenant: sorted set, see authorize.lua
-- KEYS[2]  finalized chunks of the tenant: sorted set of chunk IDs, scored by the time of this call
-- ARGV[1]  time in ms after which the job of a finalized chunk no longer exists
-- ARGV[2…] chunk IDs
--
-- Returns 1.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[2], now, ARGV[i])
  redis.call('ZREM', KEYS[1], ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
