-- Locks the partitions that are free.
--
-- KEYS     one lock per partition
-- ARGV[1]  holder's token
-- ARGV[2]  lifetime of a lock in ms
--
-- Returns one value per partition: 1 if it is now locked, 0 if another holder has the lock.
local got = {}
for i, key in ipairs(KEYS) do
  got[i] = redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
end
return got
