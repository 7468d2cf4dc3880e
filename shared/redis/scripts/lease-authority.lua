-- Takes the leases of authority rows that are missing, so that the reader that missed them may fill them from MongoDB.
-- Rows of this epoch, fenced ones included, keep their state and get no lease.
--
-- KEYS     pairs of row and lease
-- ARGV[1]  epoch of the server
-- ARGV[2]  token of the reader
-- ARGV[3]  lifetime of a lease in ms
--
-- Returns 1.
for i = 1, #KEYS, 2 do
  if redis.call('HGET', KEYS[i], 'run') ~= ARGV[1] then redis.call('SET', KEYS[i + 1], ARGV[2], 'PX', ARGV[3]) end
end
return 1
