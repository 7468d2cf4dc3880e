-- Reserves the bytes of the chunks that one tenant adds to a queue lane. Ignores chunks that already have a reservation.
-- In the bulk lane, also checks the limits and assigns each chunk a priority by start-time fair queuing (Goyal, Vin and
-- Cheng, 1996): a chunk starts when the partner's previous chunk finishes, or now if the partner has none. The virtual
-- clock is the start of the latest chunk that was released. The clock restarts when the bulk lane is empty. Both
-- environments of a partner count together.
--
-- KEYS[1]  reservations: hash from chunk ID to `<bytes> <tenant> <time in ms>`, followed by ` <start>` in the bulk lane
-- KEYS[2]  sum of the reserved bytes
-- KEYS[3]  hash from partner to its reserved bytes
-- KEYS[4]  hash from partner to the virtual time when its last bulk chunk finishes
-- KEYS[5]  hash with the virtual `clock` and the number of `open` bulk chunks
-- ARGV[1]  tenant
-- ARGV[2]  now in ms
-- ARGV[3]  lane: `interactive` or `bulk`
-- ARGV[4]  maximum bytes of the partner, or ''
-- ARGV[5]  maximum bytes of all partners, or ''
-- ARGV[6]  maximum bytes of all partners for a partner that is not small, or ''
-- ARGV[7]  bytes below which a partner is small
-- ARGV[8]  maximum virtual time
-- ARGV[9…] triples of a chunk ID, its bytes and its cost in virtual time
--
-- Returns { status, bytes of all partners, bytes of the partner, start of each chunk… }. The status is `OK`, or in the bulk
-- lane `SHARE` (the partner has reached its limit) or `FULL`; then nothing is reserved. A partner that has reserved
-- nothing is never refused with `SHARE`, so a large chunk can always be added on its own.
local tenant, now, lane = ARGV[1], ARGV[2], ARGV[3]
local partner = string.match(tenant, '^[^:]+')
local sum = tonumber(redis.call('GET', KEYS[2]) or '0')
local own = tonumber(redis.call('HGET', KEYS[3], partner) or '0')
local adds, bytes = {}, 0
for i = 9, #ARGV, 3 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
    adds[#adds + 1] = i
    bytes = bytes + tonumber(ARGV[i + 1])
  end
end
if lane == 'bulk' and bytes > 0 and ARGV[4] ~= '' then
  if own > 0 and own + bytes > tonumber(ARGV[4]) then return { 'SHARE', sum, own } end
  local limit = own + bytes < tonumber(ARGV[7]) and ARGV[5] or ARGV[6]
  if sum > 0 and sum + bytes > tonumber(limit) then return { 'FULL', sum, own } end
end
local reply = { 'OK', sum + bytes, own + bytes }
local start = 0
if lane == 'bulk' then
  local clock = tonumber(redis.call('HGET', KEYS[5], 'clock') or '0')
  start = math.max(clock, tonumber(redis.call('HGET', KEYS[4], partner) or '0'))
end
for _, i in ipairs(adds) do
  local entry = ARGV[i + 1] .. ' ' .. tenant .. ' ' .. now
  if lane == 'bulk' then
    entry = entry .. ' ' .. start
    reply[#reply + 1] = start
    start = math.min(start + tonumber(ARGV[i + 2]), tonumber(ARGV[8]))
  end
  redis.call('HSET', KEYS[1], ARGV[i], entry)
end
if #adds > 0 then
  redis.call('INCRBY', KEYS[2], bytes)
  redis.call('HINCRBY', KEYS[3], partner, bytes)
  if lane == 'bulk' then
    redis.call('HSET', KEYS[4], partner, start)
    redis.call('HINCRBY', KEYS[5], 'open', #adds)
  end
end
return reply
