-- Fences authority rows before a change and revokes their leases. Callers that find a fence wait until it is removed.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  server's epoch
-- ARGV[2]  lifetime of the fence in ms
-- ARGV[3]  holder's token
--
-- Returns 1.
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i], KEYS[i + 1])
  redis.call('HSET', KEYS[i], 'run', ARGV[1], 'path', '', 'blocked', 'HOLD', 'token', ARGV[3], 'ms', ARGV[2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 1
