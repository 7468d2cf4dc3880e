import type { PresentedEntry } from '../../audit/present-entry';

/** What each action of a partner's audit log means. */
export const ACTION_WORDS: Record<string, string> = {
  'agent.registered': 'Agent registered',
  'agent.registration.requested': 'Agent registered, awaits approval',
  'agent.spawned': 'Agent created by an agent',
  'agent.spawn.requested': 'Agent created by an agent, awaits approval',
  'agent.approved': 'Agent approved',
  'agent.rejected': 'Agent rejected',
  'agent.updated': 'Agent changed',
  'agent.suspended': 'Agent suspended',
  'agent.reactivated': 'Agent reactivated',
  'agent.revoked': 'Agent revoked',
  'agent.expired': 'Agent expired',
  'agent.key.rotated': 'Agent’s key replaced',
  'agent.subtree.killed': 'Kill switch used',
  'agent.subtree.kill.repeated': 'Kill switch used again',
  'agent.policy.changed': 'Policy changed',
  'key.created': 'API key created',
  'key.rotated': 'API key replaced',
  'key.revoked': 'API key revoked',
  'link.confirmed': 'Account linked',
  'link.removed': 'Account unlinked',
  'link.declined': 'Link declined',
  'link.invited': 'Link invitation created',
  'link.code-issued': 'Link code created',
  'member.invited': 'Member invited',
  'member.invitation_withdrawn': 'Invitation withdrawn',
  'member.joined': 'Member joined',
  'member.role_changed': 'Member’s role changed',
  'member.removed': 'Member removed',
  'partner.created': 'Organization created',
  'partner.updated': 'Organization changed',
  'partner.suspended': 'Organization suspended',
  'partner.unsuspended': 'Organization no longer suspended',
  'partner.key.rotated': 'All API keys replaced',
  'receiver.created': 'Receiver added',
  'receiver.removed': 'Receiver deleted',
  'user.erased': 'User erased',
  'webhook.created': 'Webhook added',
  'webhook.set': 'Webhook set',
  'webhook.updated': 'Webhook changed',
  'webhook.removed': 'Webhook deleted',
  'webhook.disabled': 'Webhook disabled by MIR',
  'webhook.recovered': 'Webhook messages sent again',
  'webhook.secret.rotated': 'Webhook secret replaced',
};

export const ACTOR_WORDS: Record<PresentedEntry['actor']['kind'], string> = {
  MEMBER: 'A member',
  PARTNER: 'An API key',
  AGENT: 'An agent',
  OPERATOR: 'The operator of MIR',
  APPLICANT: 'The applicant',
  FINDER: 'A person who found a key',
  IDENTITY: 'A person with a history',
  SYSTEM: 'MIR',
};

/** Facts of one entry that are shown. */
const MAX_FACTS = 30;
const MAX_VALUE_LENGTH = 200;
const MAX_NESTING = 3;

function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  const single = typeof value === 'string' ? value : JSON.stringify(value);
  const text = Array.isArray(value) ? value.map(valueText).join(', ') || 'none' : single;
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function labelOf(name: string): string {
  const words = name.replaceAll(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Returns all values of an object with the words that lead to them. */
function flatten(value: unknown, path: string[] = []): Map<string, string> {
  if (!isFields(value))
    return new Map(value === null || value === undefined ? [] : [[path.join(', '), valueText(value)]]);
  if (path.length === MAX_NESTING) return new Map([[path.join(', '), valueText(JSON.stringify(value))]]);
  return new Map(
    Object.entries(value).flatMap(([name, one]): [string, string][] =>
      isFields(one)
        ? [...flatten(one, [...path, labelOf(name)])]
        : [[[...path, labelOf(name)].join(', '), valueText(one)]],
    ),
  );
}

/** A value that an entry names, or that changed. `from` is null if there was none before. */
export interface AuditFact {
  label: string;
  from: string | null;
  to: string;
}

/** Returns what changed or, if nothing existed before, the values that an entry names. */
export function factsOf({ before, after }: Pick<PresentedEntry, 'before' | 'after'>): AuditFact[] {
  const [was, is] = [flatten(before), flatten(after)];
  if (is.size === 0) return [...was].slice(0, MAX_FACTS).map(([label, to]) => ({ label, from: null, to }));
  const labels = [...new Set([...was.keys(), ...is.keys()])].filter((label) => was.get(label) !== is.get(label));
  return labels.slice(0, MAX_FACTS).map((label) => ({
    label: label || 'Value',
    from: was.size === 0 ? null : (was.get(label) ?? 'none'),
    to: is.get(label) ?? 'none',
  }));
}
