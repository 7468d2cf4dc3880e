-- Gives a writer the right to fill the empty slots among these, until another process takes a lease on a slot or writes
-- to it. A writer takes it before it reads the rows, so a newer row in the slot ends the right. A row from another epoch
-- counts as none.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  epoch for server_epoch()
-- ARGV[2]  writer's token
-- ARGV[3]  lifetime of the right in ms
--
-- Returns 1.
local epoch = server_epoch(ARGV[1])
for i = 1, #KEYS, 2 do
  local row = redis.call('GET', KEYS[i])
  if not row or string.sub(row, -#epoch) ~= epoch then redis.call('SET', KEYS[i + 1], ARGV[2], 'PX', ARGV[3]) end
end
return 1
