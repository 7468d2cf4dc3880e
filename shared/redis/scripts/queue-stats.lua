-- Counts a BullMQ queue's jobs.
-- Also finds the age of the oldest waiting job and the run time of the longest-running job.
-- Waiting jobs are sorted by the time when they were added.
-- Prioritized jobs are sorted by that time only within a priority, so the script reads the first job of each priority.
--
-- KEYS     the queue's waiting, prioritized, active, delayed and failed jobs
-- ARGV[1]  key prefix of jobs
-- ARGV[2]  maximum number of priorities to read
-- ARGV[3]  maximum number of active jobs to read, oldest first
-- ARGV[4]  factor by which the priority is multiplied in a job's score
-- ARGV[5]  job field that contains the time when the job was added
-- ARGV[6]  job field that contains the time when the job was started
--
-- Returns { waiting, prioritized, active, delayed and failed jobs, age of the oldest waiting job in ms,
--   run time of the longest-running job in ms }.
-- An age or run time is 0 if there is no such job.
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
