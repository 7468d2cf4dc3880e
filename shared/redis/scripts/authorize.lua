-- Authorizes the requests that arrived with one API key in the same turn of the event loop.
-- Checks the key, its agents and its scopes, charges the rate-limit budgets, and marks accepted chunks as open.
-- Also reads the clock and the watermark, and counts the requests in the tenant's usage.
-- A key's path consists of its partner and then the agents from the root to the key's own agent.
-- Every budget on the path is charged for each request, so the budget with the fewest tokens left limits the grant.
--
-- KEYS[1]  credential row: hash with `run` (epoch), `path`, `scopes`, `body` (facts about the key) and, if the key
--          expires, `exp` (time in ms)
-- KEYS[2]  open chunks of the tenant: sorted set of chunk IDs, scored by the time of acceptance
-- KEYS[3]  partner's clock, which assigns all times below, except those of the budgets
--          The script derives the keys of nodes and budgets from the path. All keys share the partner's hash tag.
--          `<node>:seen` is when the agent or one of its descendants last made a request, if an idle limit applies.
-- ARGV[1]  epoch for server_epoch(); rows from other epochs are ignored
-- ARGV[2]  policy whose capacities apply: `events`, `requests` or `control`; or '' to only check the key
-- ARGV[3]  required scope, or ''
-- ARGV[4]  key prefix of node rows
-- ARGV[5]  key prefix of budgets
-- ARGV[6]  capacity of the partner's budget, or '' to use the one in the partner's row
-- ARGV[7]  requests that enter with this call: route groups and numbers, see lib/usage.lua
-- ARGV[8]  key prefix of the tenant's usage
-- ARGV[9…] three values for each request:
--            cost
--            grant: `whole` (the full cost or nothing), `part` (as many units as are left) or
--              `credit` (always charges the full cost, and grants it if a token was left)
--            IDs of the request's chunks, separated by spaces
--
-- Returns only { status } for:
--   MISS               a row is missing or from another epoch: load the rows and retry
--   HOLD               a row is fenced: wait and retry
-- Returns { status, '', '', current time in ms } for:
--   AGENT_KEY_REVOKED  the key is permanently revoked. The `path` of a tombstone contains this status or the next one.
--                      Earlier versions treat the status as a node ID without a row, so they return MISS.
--   AGENT_EXPIRED      the agent or one of its ancestors has expired or was idle for too long, according to the
--                      partner's clock. The field `life` of a node contains its expiry and its idle timeout in ms, each
--                      of which may be empty, and `seen` when it was last active according to MongoDB. The
--                      shortest idle timeout of a node and those above it applies. Rows from earlier versions have no
--                      `life`, so they are read again.
--   API_KEY_EXPIRED    the key has expired, according to the partner's clock
-- With an empty policy, the script charges nothing and returns the following values. The status is `OK` or the code in a
-- node's row.
--   { status, facts about the key, facts about the nodes (one line each), current time in ms,
--     time in ms at which the key expires or -1, path, scopes }
-- Otherwise, the script charges the requests and returns all of the following values. If the key is rejected, the status
-- is `SCOPE` or the code in a node's row. Its requests are charged as if they were `part`, one unit is charged if there
-- are no requests, and no chunk is marked as open.
--   { status, facts about the key, facts about the nodes (one line each; if an idle limit applies, one more line with
--     the IDs of the ancestors whose activity this is, as a JSON string), current time in ms,
--     time of the oldest open chunk in ms or -1, capacity of the tightest budget, tokens left in the tightest budget,
--     number of open chunks, capacity of the smallest budget, units granted to each request… }
-- Shortens a fence that would outlive its holder, because the server's clock has stepped back since.
local function hold(row)
  local ms = redis.call('HGET', row, 'ms')
  if ms and redis.call('PTTL', row) > tonumber(ms) then redis.call('PEXPIRE', row, ms) end
  return {'HOLD'}
end
local function reject(status, time)
  local at = time or partner_clock(KEYS[3])
  count_entered(ARGV[8], at, ARGV[7])
  return {status, '', '', at}
end
-- Activity is stored at most once in this time, and kept until the stored time has been read again from MongoDB.
local SEEN_EVERY_MS, SEEN_TTL_MS = 1000, 7200000
local epoch = server_epoch(ARGV[1])
local c = redis.call('HMGET', KEYS[1], 'run', 'path', 'scopes', 'body', 'exp')
if c[1] ~= epoch then return {'MISS'} end
if c[2] == '' then return hold(KEYS[1]) end
if c[2] == 'AGENT_KEY_REVOKED' or c[2] == 'AGENT_EXPIRED' then return reject(c[2]) end
local ids, caps, facts, rejection = {}, {}, {}, nil
local ends, idle, idle_from, idle_of, seen
local call, node_prefix, cap_field = redis.call, ARGV[4], 'cap:' .. ARGV[2]
for id in string.gmatch(c[2], '%S+') do ids[#ids + 1] = id end
for i, id in ipairs(ids) do
  local node = read_node(node_prefix .. id, cap_field)
  if node[1] ~= epoch then return {'MISS'} end
  if node[2] ~= '' then
    if node[2] == 'HOLD' then return hold(node_prefix .. id) end
    if node[2] == 'AGENT_KEY_REVOKED' then return reject(node[2]) end
    rejection = rejection or node[2]
  end
  if i == #ids and node[3] ~= '' then
    if node[3] == 'AGENT_KEY_REVOKED' then return reject(node[3]) end
    rejection = rejection or node[3]
  end
  if not node[6] then return {'MISS'} end
  if node[6] ~= '' then
    local expiry, idle_ms = string.match(node[6], '^(%d*) (%d*)$')
    if expiry ~= '' then ends = math.min(ends or math.huge, tonumber(expiry)) end
    if idle_ms ~= '' then
      idle, idle_from, idle_of = math.min(idle or math.huge, tonumber(idle_ms)), idle_from or i, idle_of or {}
    end
  end
  if idle then idle_of[i] = idle end
  caps[i] = tonumber(node[4])
  facts[i] = node[5]
end
if ARGV[6] ~= '' then caps[1] = tonumber(ARGV[6]) end
local now, server = partner_clock(KEYS[3])
if c[5] and now >= tonumber(c[5]) then return reject('API_KEY_EXPIRED', now) end
if ends and now >= ends then return reject('AGENT_EXPIRED', now) end
if idle then
  seen = {}
  for i = idle_from, #ids do
    local at = tonumber(call('GET', node_prefix .. ids[i] .. ':seen') or 0)
    local stored = tonumber(call('HGET', node_prefix .. ids[i], 'seen') or 0)
    if now >= math.max(at, stored) + idle_of[i] then return reject('AGENT_EXPIRED', now) end
    seen[i] = at
  end
end
count_entered(ARGV[8], now, ARGV[7])
if ARGV[3] ~= '' and not string.find(c[3], ' ' .. ARGV[3] .. ' ', 1, true) then rejection = rejection or 'SCOPE' end
local tokens = {}
for i, cap in pairs(caps) do
  tokens[i] = cap
  local budget = call('GET', ARGV[5] .. ids[i])
  if budget then
    local t, at = string.match(budget, '^([^ ]+) (%d+)$')
    -- After the server's clock has stepped back by more than a minute, in which any budget refills, the budget is full.
    if tonumber(at) <= server + 60000 then
      tokens[i] = math.min(cap, tonumber(t) + math.max(0, server - tonumber(at)) * cap / 60000)
    end
  end
end
local tightest, smallest
for i, cap in pairs(caps) do
  if not tightest or tokens[i] < tokens[tightest] then tightest = i end
  if not smallest or cap < smallest then smallest = cap end
end
if idle and not rejection then
  for i, at in pairs(seen) do
    if now - at >= SEEN_EVERY_MS then call('SET', node_prefix .. ids[i] .. ':seen', string.format('%d', now), 'PX', SEEN_TTL_MS) end
  end
end
if idle and idle_from < #ids then facts[#facts + 1] = '"' .. table.concat(ids, ' ', idle_from, #ids - 1) .. '"' end
if ARGV[2] == '' then
  local exp = math.min(ends or math.huge, tonumber(c[5] or math.huge))
  return {rejection or 'OK', c[4], table.concat(facts, '\n'), now, exp < math.huge and exp or -1, c[2], c[3]}
end
local low, open = {}, 0
if not rejection then low = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES') end
if low[2] then open = redis.call('ZCARD', KEYS[2]) end
local reply = {rejection or 'OK', c[4], table.concat(facts, '\n'), now, low[2] and tonumber(low[2]) or -1, caps[tightest], 0, open, smallest}
local left, spent = tokens[tightest], 0
local requests = #ARGV
if rejection and requests < 9 then ARGV[9], ARGV[10], ARGV[11], requests = '1', 'part', '', 11 end
for i = 9, requests, 3 do
  local cost = tonumber(ARGV[i])
  local granted = 0
  if cost <= left or (ARGV[i + 1] == 'credit' and left >= 1) then granted = cost
  elseif rejection or ARGV[i + 1] == 'part' then granted = math.max(0, math.floor(left)) end
  local charged = ARGV[i + 1] == 'credit' and cost or granted
  left = left - charged
  spent = spent + charged
  if granted > 0 and not rejection then
    for chunk in string.gmatch(ARGV[i + 2], '%S+') do redis.call('ZADD', KEYS[2], now, chunk) end
  end
  reply[#reply + 1] = granted
end
reply[7] = math.floor(left)
if spent > 0 then
  for i in pairs(caps) do
    redis.call('SET', ARGV[5] .. ids[i], string.format('%.3f %d', math.max(tokens[i] - spent, -caps[i]), server), 'PX', 120000)
  end
end
return reply
