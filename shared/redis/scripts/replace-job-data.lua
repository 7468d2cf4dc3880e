-- Replaces the payload of a job unless it has changed since it was read.
--
-- KEYS[1]  job: hash
-- ARGV[1]  job field that contains the payload
-- ARGV[2]  payload at the time it was read
-- ARGV[3]  new payload
--
-- Returns 1 if the payload was replaced, otherwise 0.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
