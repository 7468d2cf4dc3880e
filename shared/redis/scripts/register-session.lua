-- Registers a session and finds the registered sessions that have no heartbeat. Finding them in the same step as
-- reading the registry means that a session that is being closed, and may be opened again under its name, never counts
-- as dead.
--
-- KEYS[1]  names of the registered sessions
-- KEYS[2]  heartbeat of this session
-- ARGV[1]  name of this session
-- ARGV[2]  time in ms after which this session counts as dead without another heartbeat
-- ARGV[3]  time in ms after which the registry expires
-- ARGV[4]  prefix of the heartbeats' keys. A session's name follows it.
--
-- Returns the names of the dead sessions.
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local dead = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[4] .. name) == 0 then dead[#dead + 1] = name end
end
return dead
