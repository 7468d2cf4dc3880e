-- Advances a partner's clock at least to a given time.
--
-- KEYS[1]  partner's clock
-- ARGV[1]  time in ms
--
-- Returns the clock's time in ms.
local now = partner_clock(KEYS[1], tonumber(ARGV[1]))
return now
