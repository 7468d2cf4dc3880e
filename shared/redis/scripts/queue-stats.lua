-- Counts the jobs of a BullMQ queue, and finds the age of the oldest waiting job and the time since the longest-running
-- one was started. Waiting jobs are in the order in which they were added. Prioritized jobs are in that order
-- within each priority, so the first of each priority is read.
--
-- KEYS     the queue's waiting, prioritized, active, delayed and failed jobs
-- ARGV[1]  key prefix of jobs
-- ARGV[2]  number of priorities to read at most
-- ARGV[3]  number of active jobs to read at most, those started first
-- ARGV[4]  what a priority is multiplied by in the score of a job
-- ARGV[5]  field of a job with the time at which it was added
-- ARGV[6]  field of a job with the time at which it was started
--
-- Returns { waiting jobs, prioritized, active, delayed, failed, age of the oldest waiting job in ms, time since the
--   longest-running job was started in ms }; a time is 0 when there is no such job.
local heads = { redis.call('LINDEX', KEYS[1], -1) }
local from = '-inf'
for n = 1, tonumber(ARGV[2]) do
  local head = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not head[1] then break end
  heads[n + 1] = head[1]
  from = (math.floor(head[2] / ARGV[4]) + 1) * ARGV[4]
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ageOf(ids, field)
  local oldest = now
  for _, id in pairs(ids) do
    local at = id and tonumber(redis.call('HGET', ARGV[1] .. id, field))
    if at and at < oldest then oldest = at end
  end
  return now - oldest
end
local active = redis.call('LRANGE', KEYS[3], -tonumber(ARGV[3]), -1)
return {
  redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]),
  redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[5]), ageOf(heads, ARGV[5]), ageOf(active, ARGV[6])
}
