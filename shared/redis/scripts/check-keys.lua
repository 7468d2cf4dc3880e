-- Checks keys of one tenant. Calls authorize.lua, so the same rules decide as for requests.
--
-- KEYS[1…n-2]  credential rows
-- KEYS[n-1]    open chunks of the tenant
-- KEYS[n]      partner's clock
-- ARGV         arguments of authorize.lua, with an empty policy
--
-- Returns the reply of authorize.lua for each credential row.
local replies = {}
for i = 1, #KEYS - 2 do
  replies[i] = authorize({KEYS[i], KEYS[#KEYS - 1], KEYS[#KEYS]}, ARGV)
end
return replies
