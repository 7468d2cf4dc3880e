-- Fences authority rows before a change and revokes their leases. Callers that find a fence wait until it is removed.
--
-- KEYS     (row, lease) pairs
-- ARGV[1]  epoch for server_epoch()
-- ARGV[2]  lifetime of the fence in ms
-- ARGV[3]  holder's token
--
-- Returns 1.
local epoch = server_epoch(ARGV[1])
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i], KEYS[i + 1])
  redis.call('HSET', KEYS[i], 'run', epoch, 'path', '', 'blocked', 'HOLD', 'token', ARGV[3], 'ms', ARGV[2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 1
