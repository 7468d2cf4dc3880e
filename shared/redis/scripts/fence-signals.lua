-- Gives a writer the right to fill the empty slots among these, until another process takes a lease on a slot or writes
-- to it. A writer takes it before it reads the rows, so a newer row in the slot ends the right.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  writer's token
-- ARGV[2]  lifetime of the right in ms
--
-- Returns 1.
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 0 then redis.call('SET', KEYS[i + 1], ARGV[1], 'PX', ARGV[2]) end
end
return 1
