export const SCOPES = [
  'events:write',
  'events:read',
  'resolve:read',
  'links:write',
  'users:erase',
  'agents:manage',
  'agents:spawn',
] as const;
export type Scope = (typeof SCOPES)[number];
