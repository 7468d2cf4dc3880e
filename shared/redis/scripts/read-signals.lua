-- Reads signals rows.
--
-- KEYS     rows
-- ARGV[1]  epoch for server_epoch()
--
-- Returns each row without its epoch, or nil if there is no row of this epoch.
local epoch = server_epoch(ARGV[1])
local rows = redis.call('MGET', unpack(KEYS))
for i, row in ipairs(rows) do
  rows[i] = row and string.sub(row, -#epoch) == epoch and string.sub(row, 1, -#epoch - 1)
end
return rows
