-- Takes a lock, as take_lock() does.
--
-- KEYS[1]  the lock
-- ARGV[1]  token of the new holder
-- ARGV[2]  lifetime of the lock in ms
--
-- Returns 1 if the caller now holds the lock, otherwise 0.
return take_lock(KEYS[1], ARGV[1], ARGV[2]) and 1 or 0
