-- Adds a batch of responses to a tenant's usage in one hour, once: a batch that a process sends again because it got no
-- reply is ignored. A process sends the batches of an hour one after the other.
--
-- KEYS[1]  usage of the hour: hash, see lib/usage.lua
-- KEYS[2]  hours that are not yet stored
-- ARGV[1]  key prefix of both
-- ARGV[2]  the hour
-- ARGV[3]  name of the process
-- ARGV[4]  number of the batch. Later batches of a process have higher numbers.
-- ARGV[5…] fields and counts
--
-- Returns 1, or 0 if the batch was added before.
local batch = 'batch:' .. ARGV[3]
if tonumber(redis.call('HGET', KEYS[1], batch) or 0) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], batch, ARGV[4])
redis.call('HINCRBY', KEYS[1], 'rev', 1)
for i = 5, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
add_usage_hour(ARGV[1], ARGV[2])
return 1
