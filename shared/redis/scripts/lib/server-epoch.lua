-- Returns the epoch of the server that runs the script. In a Redis Cluster, the caller does not know it and passes ''.
-- The replication ID then identifies the server: it changes when the server starts and whenever it is promoted, so it
-- is new on a server that may have lost writes.
--
-- given  epoch from the caller, or ''
local function server_epoch(given)
  if given ~= '' then return given end
  return string.sub(string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)'), 1, 16)
end
