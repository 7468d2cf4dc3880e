-- Removes the holder's fences after a change, and deletes rows and leases from the old state.
-- Does not remove other holders' fences.
-- An old row can exist if Redis lost the fence (flush or restart) or if another holder replaced it and finished first.
--
-- KEYS[1]  partner's clock
-- KEYS[2…] (row, lease) pairs
-- ARGV[1]  holder's token
--
-- Returns the next whole millisecond on the partner's clock.
-- Every request that was authorized by the old rows arrived before this time.
for i = 2, #KEYS, 2 do
  local row = redis.call('HMGET', KEYS[i], 'blocked', 'token')
  if row[1] ~= 'HOLD' or row[2] == ARGV[1] then redis.call('DEL', KEYS[i]) end
  redis.call('DEL', KEYS[i + 1])
end
local now = partner_clock(KEYS[1])
return now + 1
