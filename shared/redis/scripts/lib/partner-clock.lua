-- Advances a partner's clock and returns its time and the server's time, both in ms.
-- The partner's clock shows the server's time, but never goes back: after the server's clock has stepped back, or after
-- a failover to a server whose clock is behind, it runs at half speed until the server's clock has caught up. The times
-- of events, erasures, kills and watermarks are therefore in the order in which they were assigned. In one call, it gets
-- ahead by at most a second, because the server's clock may also have stepped forward again.
--
-- key    the clock: string `<time> <server's time when this was stored>`
-- floor  the clock advances at least to this time. Optional.
local function partner_clock(key, floor)
  local time = redis.call('TIME')
  local server = time[1] * 1000 + math.floor(time[2] / 1000)
  local stored, stored_at = string.match(redis.call('GET', key) or '0 0', '^(%d+) (%d+)$')
  stored, stored_at = tonumber(stored), tonumber(stored_at)
  local now = math.max(server, stored + math.min(1000, math.floor(math.max(0, server - stored_at) / 2)), floor or 0)
  if now > stored or server < stored_at then redis.call('SET', key, string.format('%d %d', now, server)) end
  return now, server
end
