-- Takes the lease on a signals row after a cache miss, unless the row has been written in the meantime.
--
-- KEYS[1]  row
-- KEYS[2]  lease on the row
-- ARGV[1]  reader's token
-- ARGV[2]  lifetime of the lease in ms
-- ARGV[3]  server's epoch; every valid row ends with the epoch
--
-- Returns the row if it has been written, otherwise nil.
local row = redis.call('GET', KEYS[1])
if row and string.sub(row, -#ARGV[3]) == ARGV[3] then return row end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return false
