-- Authorizes requests that contain keys of the same tenant, and checks these keys. Calls authorize.lua for both, so the
-- same rules decide. Checks only as many keys as requests were granted.
--
-- KEYS[1…3]  keys of authorize.lua
-- KEYS[4…]   credential row of the key that each request contains
-- ARGV       arguments of authorize.lua, in which one entry stands for all requests
--
-- Returns the reply of authorize.lua for the requests, and then its reply for each key that was checked.
local replies = {authorize({KEYS[1], KEYS[2], KEYS[3]}, ARGV)}
local check = {ARGV[1], '', '', ARGV[4], '', '', '', ''}
local granted = replies[1][1] == 'OK' and replies[1][10] or 0
for i = 4, math.min(#KEYS, 3 + granted) do
  replies[#replies + 1] = authorize({KEYS[i], KEYS[2], KEYS[3]}, check)
end
return replies
