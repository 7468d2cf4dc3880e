import { type AgentType, type Preset, PRESET_SCOPES } from '../../../../shared/domain/agent';
import type { ApiKeyScope } from '../../../../shared/domain/scopes';

/** What an agent may do with each scope of a preset. */
const SCOPE_WORDS: Partial<Record<ApiKeyScope, string>> = {
  'events:write': 'submit events',
  'events:read': 'read events',
  'resolve:read': 'read users’ signals',
  'agents:spawn': 'create agents below it',
  'agents:manage': 'change and stop agents below it',
  'links:write': 'invite users to link',
};

export const TYPE_WORDS: Record<AgentType, string> = { AI_AGENT: 'AI agent', SERVICE_ACCOUNT: 'Service account' };

/** Returns what agents with a preset may do, such as "Submit events, read events". */
export function presetText(preset: Preset): string {
  const text = PRESET_SCOPES[preset].map((scope) => SCOPE_WORDS[scope] ?? scope).join(', ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
