-- Unlocks partitions and removes the records of their holder. A holder whose locks expired while it worked has its
-- records removed as well: it did not die.
--
-- KEYS[1]  holders: hash of lock key to the name of the holder's MongoDB session
-- KEYS[2…] one lock per partition
-- ARGV[1]  name of the holder's MongoDB session
--
-- Returns 1.
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end
  if redis.call('HGET', KEYS[1], KEYS[i]) == ARGV[1] then redis.call('HDEL', KEYS[1], KEYS[i]) end
end
return 1
