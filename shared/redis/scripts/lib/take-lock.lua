-- Takes a lock that is free, or whose remaining lifetime is longer than any holder's: it was taken before the server's
-- clock stepped back, so it would otherwise block others for as long as the step. Its holder may still be at work, which
-- every lock of MIR allows for.
--
-- key     the lock
-- token   of the new holder
-- max_ms  lifetime of the lock in ms
local function take_lock(key, token, max_ms)
  if redis.call('SET', key, token, 'NX', 'PX', max_ms) then return true end
  if redis.call('PTTL', key) <= tonumber(max_ms) then return false end
  redis.call('SET', key, token, 'PX', max_ms)
  return true
end
