-- Writes a signals row that was read from MongoDB.
-- Does nothing if the lease was lost, because the row may have changed since it was read.
--
-- KEYS[1]  row
-- KEYS[2]  lease on the row
-- ARGV[1]  reader's token
-- ARGV[2]  epoch from lease-signals.lua. If the server has changed since, the row does not count there.
-- ARGV[3]  lifetime of the row in seconds
-- ARGV[4]  new row
--
-- Returns 1 if the row was written, otherwise 0.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[4] .. ARGV[2], 'EX', ARGV[3])
return 1
