-- Finds jobs in a BullMQ queue.
--
-- KEYS[1]  the queue's permanently failed jobs
-- ARGV[1]  key prefix of jobs
-- ARGV[2…] job IDs
--
-- Returns one value per job: 0 if it does not exist, 1 if it is queued or active, 2 if it has failed permanently.
local found = {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then found[i - 1] = 2
  else found[i - 1] = redis.call('EXISTS', ARGV[1] .. ARGV[i]) end
end
return found
