-- Writes signals rows unless the cache has newer revisions from any epoch, and revokes the readers' leases.
-- A row is a JSON array that begins with its revision.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  lifetime of a row in seconds
-- ARGV[2…] rows, one for each pair of keys
--
-- Returns 1.
for i = 1, #KEYS, 2 do
  local row = ARGV[1 + (i + 1) / 2]
  local old = redis.call('GET', KEYS[i])
  if not old or tonumber(string.match(old, '^%[(%d+)')) <= tonumber(string.match(row, '^%[(%d+)')) then
    redis.call('SET', KEYS[i], row, 'EX', ARGV[1])
  end
  redis.call('DEL', KEYS[i + 1])
end
return 1
