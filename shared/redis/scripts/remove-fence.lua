-- Removes the holder's fences after a change, and deletes rows and leases from the old state. An old row exists if the
-- fence was lost (in a flush or restart), or if another holder replaced the fence and finished first. Keeps other
-- holders' fences.
--
-- KEYS     pairs of a row and its lease
-- ARGV[1]  token of the holder
--
-- Returns the next whole millisecond on the server's clock. Every request that the old rows authorized came before this
-- time.
for i = 1, #KEYS, 2 do
  local row = redis.call('HMGET', KEYS[i], 'blocked', 'token')
  if row[1] ~= 'HOLD' or row[2] == ARGV[1] then redis.call('DEL', KEYS[i]) end
  redis.call('DEL', KEYS[i + 1])
end
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000) + 1
