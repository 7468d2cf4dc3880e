/**
 * The authorizer's one round trip: credential, marks and budgets of its whole path, scope, clock, open markers, watermark —
 * one script, all keys of one partner under its hash tag. A call serves every request of one key that arrived in the
 * same turn. A path is the partner, then the agents from the root to the key's own.
 *
 * KEYS: credential, open chunks. (Rows of nodes and budgets are named by the credential; all share the hash tag.)
 * ARGV: 1 epoch of the server; 2 policy (`events` | `requests` | `control`); 3 needed scope or ''; 4 prefix of node rows;
 * 5 prefix of budgets; 6 the partner's capacity where its row does not carry one, or ''; then triples (cost,
 * `whole` | `part` | `credit`, chunk ids).
 * Answer: [status, key facts, node facts joined by newlines, now ms, lowest open ms or -1, capacity and tokens left
 * of the tightest budget, open chunks, capacity of the smallest budget, granted …]. A refusal that is no end of the key
 * tells the first seven. A credential whose path is AGENT_KEY_REVOKED is the tombstone of a revoked agent's key. (To a
 * process of an older version it names a node that has no row: a miss, which it looks up in the store.)
 */
export const AUTHORIZE = `
local c = redis.call('HMGET', KEYS[1], 'run', 'path', 'scopes', 'body')
if c[1] ~= ARGV[1] then return {'MISS'} end
if c[2] == '' then return {'HOLD'} end
if c[2] == 'AGENT_KEY_REVOKED' then return {c[2]} end
local ids, caps, facts, refused = {}, {}, {}, nil
for id in string.gmatch(c[2], '%S+') do ids[#ids + 1] = id end
for i, id in ipairs(ids) do
  local node = redis.call('HMGET', ARGV[4] .. id, 'run', 'blocked', 'self', 'cap:' .. ARGV[2], 'facts')
  if node[1] ~= ARGV[1] then return {'MISS'} end
  if node[2] ~= '' then
    if node[2] == 'HOLD' or node[2] == 'AGENT_KEY_REVOKED' then return {node[2]} end
    refused = refused or node[2]
  end
  if i == #ids and node[3] ~= '' then
    if node[3] == 'AGENT_KEY_REVOKED' then return {node[3]} end
    refused = refused or node[3]
  end
  caps[i] = tonumber(node[4])
  facts[i] = node[5]
end
if ARGV[3] ~= '' and not string.find(c[3], ' ' .. ARGV[3] .. ' ', 1, true) then refused = refused or 'SCOPE' end
if ARGV[6] ~= '' then caps[1] = tonumber(ARGV[6]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tokens = {}
for i, cap in pairs(caps) do
  tokens[i] = cap
  local budget = redis.call('GET', ARGV[5] .. ids[i])
  if budget then
    local t, at = string.match(budget, '^([^ ]+) (%d+)$')
    tokens[i] = math.min(cap, tonumber(t) + math.max(0, now - tonumber(at)) * cap / 60000)
  end
end
local tightest, smallest
for i, cap in pairs(caps) do
  if not tightest or tokens[i] < tokens[tightest] then tightest = i end
  if not smallest or cap < smallest then smallest = cap end
end
if refused then return {refused, '', '', now, -1, caps[tightest], math.floor(tokens[tightest])} end
local low = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local open = 0
if low[2] then open = redis.call('ZCARD', KEYS[2]) end
local answer = {'OK', c[4], table.concat(facts, '\\n'), now, low[2] and tonumber(low[2]) or -1, caps[tightest], 0, open, smallest}
local left, spent = tokens[tightest], 0
for i = 7, #ARGV, 3 do
  local cost = tonumber(ARGV[i])
  local granted = 0
  if cost <= left or (ARGV[i + 1] == 'credit' and left >= 1) then granted = cost
  elseif ARGV[i + 1] == 'part' then granted = math.max(0, math.floor(left)) end
  local charged = ARGV[i + 1] == 'credit' and cost or granted
  left = left - charged
  spent = spent + charged
  if granted > 0 then
    for chunk in string.gmatch(ARGV[i + 2], '%S+') do redis.call('ZADD', KEYS[2], now, chunk) end
  end
  answer[#answer + 1] = granted
end
answer[7] = math.floor(left)
if spent > 0 then
  for i in pairs(caps) do
    redis.call('SET', ARGV[5] .. ids[i], string.format('%.3f %d', math.max(tokens[i] - spent, -caps[i]), now), 'PX', 120000)
  end
end
return answer
`;

/**
 * A reader that missed takes leases; only its token may fill a slot. HOLD rows and rows of this epoch stay.
 * KEYS: slot and lease, pair by pair. ARGV: epoch, token, lease ms.
 */
export const TAKE_LEASES = `
for i = 1, #KEYS, 2 do
  if redis.call('HGET', KEYS[i], 'run') ~= ARGV[1] then redis.call('SET', KEYS[i + 1], ARGV[2], 'PX', ARGV[3]) end
end
return 1
`;

/** KEYS: slot, lease. ARGV: token, ttl ms, then field-value pairs. Answer: 1 when written. */
export const FILL = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;

/**
 * Marks rows as being changed, and voids leases: whoever meets one waits for the change. KEYS: slot and lease, pair by
 * pair. ARGV: epoch, ttl ms, token.
 */
export const FENCE = `
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i], KEYS[i + 1])
  redis.call('HSET', KEYS[i], 'run', ARGV[1], 'path', '', 'blocked', 'HOLD', 'token', ARGV[3])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 1
`;

/**
 * Ends the holder's marks and voids whatever was read meanwhile: its mark may have been lost (a flush, a restart) or
 * taken over by another holder that ended first, and then rows and leases of the old state may stand here. Another
 * holder's mark stays. KEYS: slot and lease, pair by pair. ARGV: token. Answer: the next whole ms,
 * which nothing admitted before can have.
 */
export const REMOVE_FENCE = `
for i = 1, #KEYS, 2 do
  local row = redis.call('HMGET', KEYS[i], 'blocked', 'token')
  if row[1] ~= 'HOLD' or row[2] == ARGV[1] then redis.call('DEL', KEYS[i]) end
  redis.call('DEL', KEYS[i + 1])
end
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000) + 1
`;
