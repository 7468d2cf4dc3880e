/**
 * The door's one round trip: credential, scope, budget, clock, open marker, watermark — one script, all keys of one
 * partner under its hash tag. A call serves every request of one key that arrived in the same turn.
 *
 * KEYS: credential, budget, open chunks.
 * ARGV: 1 server run id; 2 policy (`events` | `requests`); 3 needed scope or ''; 4 capacity when the caller has just
 * read the credential from the store itself, else ''; then triples (cost, divisible 0|1, chunk ids).
 * Answer: [status, body, now ms, lowest open ms or -1, capacity, tokens left, open chunks, granted …].
 */
export const ENTER = `
local cap = tonumber(ARGV[4])
local body = ''
if not cap then
  local c = redis.call('HMGET', KEYS[1], 'run', 'body', 'cap:' .. ARGV[2], 'blocked', 'scopes')
  if c[1] ~= ARGV[1] then return {'MISS'} end
  if c[4] ~= '' then return {c[4], c[2]} end
  if ARGV[3] ~= '' and not string.find(c[5], ' ' .. ARGV[3] .. ' ', 1, true) then return {'SCOPE', c[2]} end
  cap = tonumber(c[3])
  body = c[2]
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tokens, at = cap, now
local budget = redis.call('GET', KEYS[2])
if budget then
  local t, a = string.match(budget, '^([^ ]+) (%d+)$')
  at = tonumber(a)
  tokens = math.min(cap, tonumber(t) + math.max(0, now - at) * cap / 60000)
end
local low = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local open = 0
if low[2] then open = redis.call('ZCARD', KEYS[3]) end
local answer = {'OK', body, now, low[2] and tonumber(low[2]) or -1, cap, 0, open}
for i = 5, #ARGV, 3 do
  local cost = tonumber(ARGV[i])
  local granted = 0
  if cost <= tokens then granted = cost
  elseif ARGV[i + 1] == '1' then granted = math.max(0, math.floor(tokens)) end
  tokens = tokens - granted
  if granted > 0 then
    for chunk in string.gmatch(ARGV[i + 2], '%S+') do redis.call('ZADD', KEYS[3], now, chunk) end
  end
  answer[#answer + 1] = granted
end
answer[6] = math.floor(tokens)
redis.call('SET', KEYS[2], string.format('%.3f %d', tokens, now), 'PX', 120000)
return answer
`;

/**
 * A reader that missed takes a lease; only its token may fill the slot. HOLD rows and newer rows stay.
 * KEYS: credential, lease. ARGV: run id, token, lease ms. Answer: 1 when taken.
 */
export const TAKE_LEASE = `
if redis.call('HGET', KEYS[1], 'run') == ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
`;

/** KEYS: credential, lease. ARGV: token, ttl ms, then field-value pairs. Answer: 1 when written. */
export const FILL = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;

/** Marks a credential as "ask the store" while it is being changed, and voids leases. KEYS: credential, lease. ARGV: run id, ttl ms. */
export const HOLD = `
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'blocked', 'HOLD', 'body', '')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;
