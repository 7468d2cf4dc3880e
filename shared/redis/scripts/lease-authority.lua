-- Takes leases on missing authority rows, so that the reader can fill these rows from MongoDB.
-- Skips rows that belong to this epoch, including fenced rows, but not nodes that a version without `life` has cached.
-- Readers of the same row share its lease: a fence revokes it for all of them. If each reader took it from the others,
-- none would fill a row that is read more often than a read takes.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  epoch for server_epoch()
-- ARGV[2]  reader's token
-- ARGV[3]  lifetime of a lease in ms
--
-- Returns { epoch, token of each lease }. The rows will belong to the epoch. The token of a skipped row is ''.
local reply = {server_epoch(ARGV[1])}
for i = 1, #KEYS, 2 do
  local row = redis.call('HMGET', KEYS[i], 'run', 'facts', 'life')
  local token = ''
  if row[1] ~= reply[1] or (row[2] and not row[3]) then
    token = redis.call('GET', KEYS[i + 1]) or ARGV[2]
    redis.call('SET', KEYS[i + 1], token, 'PX', ARGV[3])
  end
  reply[#reply + 1] = token
end
return reply
