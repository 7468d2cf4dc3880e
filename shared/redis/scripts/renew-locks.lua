-- Extends the locks that a holder still has.
--
-- KEYS     locks
-- ARGV[1]  token of the holder
-- ARGV[2]  new lifetime in ms
--
-- Returns the number of locks extended.
local extended = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then extended = extended + redis.call('PEXPIRE', key, ARGV[2]) end
end
return extended
