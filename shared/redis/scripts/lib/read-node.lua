-- Returns the values of a node's row that authorize.lua needs. Reads each row once per script call, because the keys that
-- check-keys.lua checks together often share ancestors.
local nodes_read = {}
local function read_node(row, cap_field)
  local node = nodes_read[row]
  if not node then
    node = redis.call('HMGET', row, 'run', 'blocked', 'self', cap_field, 'facts', 'life')
    nodes_read[row] = node
  end
  return node
end
