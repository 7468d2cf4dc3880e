-- Writes an authority row that was read from MongoDB.
-- Does nothing if the lease was lost, because the row may have changed since it was read.
--
-- KEYS[1]  row
-- KEYS[2]  lease on the row
-- ARGV[1]  reader's token
-- ARGV[2]  lifetime of the row in ms
-- ARGV[3]  epoch from lease-authority.lua. If the server has changed since, the row does not count there.
-- ARGV[4…] other fields and values of the row
--
-- Returns 1 if the row was written, otherwise 0.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'run', unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
