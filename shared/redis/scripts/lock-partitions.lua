-- Locks free partitions, in order, until they have enough waiting events. See take_lock() for what counts as free.
--
-- KEYS     one lock per partition
-- ARGV[1]  token of the holder
-- ARGV[2]  lifetime of a lock in ms
-- ARGV[3]  number of waiting events that is enough
-- ARGV[4…] number of waiting events per partition
--
-- Returns one value per partition: 1 if it is now locked, otherwise 0.
local got, events = {}, 0
for i, key in ipairs(KEYS) do
  got[i] = 0
  if events < tonumber(ARGV[3]) and take_lock(key, ARGV[1], ARGV[2]) then
    got[i] = 1
    events = events + tonumber(ARGV[3 + i])
  end
end
return got
