-- Counts the usage of a tenant in one hour, in these keys:
--
-- <prefix><hour>   hash: `in:<group>`, the number of requests that have entered; `out:<group>:<status>:<code>`, the
--                  number of responses; `rejected`, the number of rejected events; `batch:<process>`, the last batch of
--                  responses that a process has added; and `rev`, which changes whenever one is added. `<hour>` counts
--                  from 1970.
-- <prefix>hours    set of the hours that are not yet stored in MongoDB
--
-- Both expire two weeks after the last change, so that workers that are down for days lose nothing.
local USAGE_TTL_MS = 1209600000
local function add_usage_hour(prefix, hour)
  redis.call('SADD', prefix .. 'hours', hour)
  redis.call('PEXPIRE', prefix .. 'hours', USAGE_TTL_MS)
  redis.call('PEXPIRE', prefix .. hour, USAGE_TTL_MS)
end
-- Counts requests that enter: `requests` contains route groups and numbers, such as `events 3`, or ''.
local function count_entered(prefix, now, requests)
  if requests == '' then return end
  local hour = string.format('%d', math.floor(now / 3600000))
  for group, count in string.gmatch(requests, '(%S+) (%d+)') do
    local total = redis.call('HINCRBY', prefix .. hour, 'in:' .. group, count)
    if total == tonumber(count) then add_usage_hour(prefix, hour) end
  end
end
