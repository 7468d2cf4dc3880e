-- Shortens a queue's locks whose remaining lifetime is longer than a worker ever sets: the server's clock has stepped
-- back since, and the jobs of dead workers would otherwise be blocked for as long as the step.
--
-- KEYS[1]  the key that limits how often BullMQ looks for stalled jobs
-- KEYS[2]  active jobs
-- ARGV[1]  key prefix of jobs
-- ARGV[2]  suffix of the key of a job's lock
-- ARGV[3]  maximum lifetime of KEYS[1] in ms
-- ARGV[4]  maximum lifetime of a job's lock in ms
-- ARGV[5]  maximum number of active jobs to check
--
-- Returns the number of locks shortened.
local shortened = 0
local function shorten(key, max_ms)
  if redis.call('PTTL', key) > tonumber(max_ms) then shortened = shortened + redis.call('PEXPIRE', key, max_ms) end
end
shorten(KEYS[1], ARGV[3])
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, ARGV[5] - 1)) do shorten(ARGV[1] .. id .. ARGV[2], ARGV[4]) end
return shortened
