-- Takes the lease on a signals row after a cache miss, unless the row has been written in the meantime.
--
-- KEYS[1]  row
-- KEYS[2]  lease on the row
-- ARGV[1]  epoch for server_epoch(). Every valid row ends with its epoch.
-- ARGV[2]  reader's token
-- ARGV[3]  lifetime of the lease in ms
--
-- Returns { epoch, row without its epoch } if the row has been written, otherwise { epoch }.
local epoch = server_epoch(ARGV[1])
local row = redis.call('GET', KEYS[1])
if row and string.sub(row, -#epoch) == epoch then return {epoch, string.sub(row, 1, -#epoch - 1)} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {epoch}
