-- Writes signals rows unless the cache has newer revisions from any epoch, and revokes all leases on them. Writes into an
-- empty slot only if the writer still holds the lease on it: without the lease, a newer row may have been written and
-- evicted since the writer's transaction. A row is a JSON array that begins with its revision.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  lifetime of a row in seconds
-- ARGV[2]  writer's token from fence-signals.lua, or ''
-- ARGV[3…] rows, one for each pair of keys
--
-- Returns 1.
for i = 1, #KEYS, 2 do
  local row = ARGV[2 + (i + 1) / 2]
  local old = redis.call('GET', KEYS[i])
  local mayWrite
  if old then mayWrite = tonumber(string.match(old, '^%[(%d+)')) <= tonumber(string.match(row, '^%[(%d+)'))
  else mayWrite = redis.call('GET', KEYS[i + 1]) == ARGV[2] end
  if mayWrite then redis.call('SET', KEYS[i], row, 'EX', ARGV[1]) end
  redis.call('DEL', KEYS[i + 1])
end
return 1
