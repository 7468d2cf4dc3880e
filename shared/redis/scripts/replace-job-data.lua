-- Replaces the payload of a job unless it has changed since it was read.
--
-- KEYS[1]  job: hash with its payload in `data`
-- ARGV[1]  payload as it was read
-- ARGV[2]  new payload
--
-- Returns 1 if the payload was replaced, otherwise 0.
if redis.call('HGET', KEYS[1], 'data') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1
