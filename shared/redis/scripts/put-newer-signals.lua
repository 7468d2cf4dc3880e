-- Writes signals rows unless the cache has newer revisions, and revokes all leases on them. Writes into a slot without a
-- row of this epoch only if the writer still holds the lease on it: without the lease, a newer row may have been written
-- and evicted, or lost in a failover, since the writer's transaction. An older row of another epoch is then removed,
-- because another process may still use that epoch. A row is a JSON array that begins with its revision.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  epoch for server_epoch()
-- ARGV[2]  lifetime of a row in seconds
-- ARGV[3]  writer's token from fence-signals.lua, or ''
-- ARGV[4…] rows, one for each pair of keys
--
-- Returns 1.
local epoch = server_epoch(ARGV[1])
local function revision(row) return tonumber(string.match(row, '^%[(%d+)')) end
for i = 1, #KEYS, 2 do
  local row = ARGV[3 + (i + 1) / 2]
  local old = redis.call('GET', KEYS[i])
  if not (old and revision(old) > revision(row)) then
    local valid = old and string.sub(old, -#epoch) == epoch
    if valid or redis.call('GET', KEYS[i + 1]) == ARGV[3] then redis.call('SET', KEYS[i], row .. epoch, 'EX', ARGV[2])
    elseif old then redis.call('DEL', KEYS[i]) end
  end
  redis.call('DEL', KEYS[i + 1])
end
return 1
