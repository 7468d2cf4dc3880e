-- Takes leases on missing authority rows, so that the reader can fill these rows from MongoDB.
-- Skips rows that belong to this epoch, including fenced rows, but not nodes that a version without `life` has cached.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  epoch for server_epoch()
-- ARGV[2]  reader's token
-- ARGV[3]  lifetime of a lease in ms
--
-- Returns the epoch, to which the rows will belong.
local epoch = server_epoch(ARGV[1])
for i = 1, #KEYS, 2 do
  local row = redis.call('HMGET', KEYS[i], 'run', 'facts', 'life')
  if row[1] ~= epoch or (row[2] and not row[3]) then redis.call('SET', KEYS[i + 1], ARGV[2], 'PX', ARGV[3]) end
end
return epoch
