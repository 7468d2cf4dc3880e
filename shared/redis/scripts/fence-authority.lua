-- Fences authority rows before a change and revokes their leases. Callers that find a fence wait until it is removed.
--
-- KEYS     pairs of a row and its lease
-- ARGV[1]  epoch of the server
-- ARGV[2]  lifetime of the fence in ms
-- ARGV[3]  token of the holder
--
-- Returns 1.
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i], KEYS[i + 1])
  redis.call('HSET', KEYS[i], 'run', ARGV[1], 'path', '', 'blocked', 'HOLD', 'token', ARGV[3])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 1
