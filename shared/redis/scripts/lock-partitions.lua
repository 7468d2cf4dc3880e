-- Locks those partitions that are free, and records the holder of each. A record that outlives its lock shows that the
-- holder died: it never unlocked the partition.
--
-- KEYS[1]  holders: hash of lock key to the name of the holder's MongoDB session
-- KEYS[2…] one lock per partition
-- ARGV[1]  name of the holder's MongoDB session
-- ARGV[2]  lifetime of a lock in ms
--
-- Returns one value per partition: 0 if it is locked by another holder; 1 if it is now locked; the name of the previous
--   holder's session if it is now locked and the previous holder never unlocked it.
local got = {}
for i = 2, #KEYS do
  got[i - 1] = 0
  if redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) then
    local before = redis.call('HGET', KEYS[1], KEYS[i])
    got[i - 1] = before or 1
    redis.call('HSET', KEYS[1], KEYS[i], ARGV[1])
  end
end
return got
