-- Takes an hour off the hours that are not yet stored, unless responses were added after it was read.
--
-- KEYS[1]  usage of the hour: hash, see lib/usage.lua
-- KEYS[2]  hours that are not yet stored
-- ARGV[1]  the hour
-- ARGV[2]  `rev` that was read and stored, or ''
-- ARGV[3]  time in ms for which the hash is kept for late responses
--
-- Returns 1, or 0 if the hour has changed.
if (redis.call('HGET', KEYS[1], 'rev') or '') ~= ARGV[2] then return 0 end
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
