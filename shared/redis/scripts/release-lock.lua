-- Releases a lock if it still belongs to its holder.
--
-- KEYS[1]  lock
-- ARGV[1]  token of the holder
--
-- Returns 1 if the lock was released, otherwise 0.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0
