-- Returns the values of a node's row that authorize.lua needs. Reads them once per script call, because the keys that
-- authorize-and-check.lua checks often share ancestors.
local nodes_read = {}
local function read_node(row, cap_field)
  local id = cap_field .. ' ' .. row
  local node = nodes_read[id]
  if not node then
    node = redis.call('HMGET', row, 'run', 'blocked', 'self', cap_field, 'facts', 'life')
    nodes_read[id] = node
  end
  return node
end
