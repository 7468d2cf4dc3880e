import type { PresentedEntry } from '../../audit/present-entry';
import type { PresentedVerdict } from '../../audit/verify-audit';

/** Every action that the audit log can contain, in the order of the filter. */
export const ACTIONS = [
  'agent.registered',
  'agent.registration.requested',
  'agent.spawned',
  'agent.spawn.requested',
  'agent.approved',
  'agent.rejected',
  'agent.updated',
  'agent.suspended',
  'agent.reactivated',
  'agent.revoked',
  'agent.expired',
  'agent.key.rotated',
  'agent.policy.changed',
  'agent.subtree.killed',
  'agent.subtree.kill.repeated',
  'application.submitted',
  'application.address_confirmed',
  'application.approved',
  'application.rejected',
  'dead-letter.replayed',
  'dead-letter.dropped',
  'key.created',
  'key.rotated',
  'key.revoked',
  'link.invited',
  'link.confirmed',
  'link.declined',
  'link.removed',
  'member.invited',
  'member.invitation_withdrawn',
  'member.joined',
  'member.role_changed',
  'member.removed',
  'partner.created',
  'partner.updated',
  'partner.suspended',
  'partner.unsuspended',
  'partner.key.rotated',
  'person.exported',
  'person.unlinked',
  'person.deleted',
  'receiver.created',
  'receiver.removed',
  'staff.renamed',
  'staff.password_reset',
  'staff.passkey_added',
  'staff.passkey_removed',
  'staff.second_factor_added',
  'staff.second_factor_removed',
  'user.erased',
  'webhook.created',
  'webhook.set',
  'webhook.updated',
  'webhook.removed',
  'webhook.disabled',
  'webhook.recovered',
  'webhook.secret.rotated',
] as const;

/** Actions that do not read well as the words of their code. */
const OWN_WORDS: Readonly<Record<string, string>> = {
  'agent.registration.requested': 'Agent registered, waits for approval',
  'agent.spawn.requested': 'Agent spawned, waits for approval',
  'agent.key.rotated': 'Key of an agent replaced',
  'agent.policy.changed': 'Policy for agents changed',
  'agent.subtree.killed': 'Agent and all below it stopped',
  'agent.subtree.kill.repeated': 'Agent and all below it stopped again',
  'key.created': 'API key created',
  'key.rotated': 'API key replaced',
  'key.revoked': 'API key revoked',
  'partner.key.rotated': 'All API keys replaced',
  'partner.unsuspended': 'Partner reactivated',
  'person.exported': 'Data of a person exported',
  'person.unlinked': 'Account of a person unlinked',
  'person.deleted': 'Account of a person deleted',
  'webhook.recovered': 'Webhook messages sent again',
  'webhook.secret.rotated': 'Webhook secret replaced',
};

/** Returns what an action means. An action of a later version is shown as the words of its code. */
export function actionText(action: string): string {
  const words = action.replaceAll(/[._-]/g, ' ').toLowerCase();
  return OWN_WORDS[action] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

const VIA = { ADMIN_API: 'with the admin token', CLI: 'on the command line', CONSOLE: 'in the console' } as const;

type Actor = PresentedEntry['actor'];

const WHO: { [Kind in Actor['kind']]: (actor: Extract<Actor, { kind: Kind }>) => string } = {
  OPERATOR: ({ name, via }) => `${name ?? 'An operator'}, ${VIA[via]}`,
  MEMBER: ({ name }) => `${name}, a member`,
  PARTNER: ({ keyId }) => (keyId === undefined ? 'An API key of the partner' : `The API key ${keyId}`),
  AGENT: ({ agentId }) => `The agent ${agentId}`,
  FINDER: () => 'A person who found the key',
  APPLICANT: () => 'The applicant',
  IDENTITY: () => 'The person, in their MIR account',
  SYSTEM: () => 'MIR',
};

/** Returns who made a change. */
export function whoText({ actor }: Pick<PresentedEntry, 'actor'>): string {
  return (WHO[actor.kind] as (one: Actor) => string)(actor);
}

export const KIND_WORDS: Record<PresentedEntry['actor']['kind'], string> = {
  OPERATOR: 'Operators',
  MEMBER: 'Members of the partner',
  PARTNER: 'API keys of the partner',
  AGENT: 'Agents',
  APPLICANT: 'Applicants',
  FINDER: 'People who found a key',
  IDENTITY: 'People with a history',
  SYSTEM: 'MIR',
};

/** Maximum number of values of an entry that are shown. */
const MAX_VALUES = 40;
const MAX_VALUE_LENGTH = 300;
/** Objects below this depth are shown as JSON. */
const MAX_DEPTH = 3;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value === 'number') return value.toLocaleString('en-GB');
  if (Array.isArray(value)) return value.length === 0 ? 'None' : value.map(valueText).join(', ');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

/** Returns the words of a path, such as "Limits: events per minute". */
function nameOf(path: readonly string[]): string {
  const words = path.map((field) => field.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()).join(': ');
  return words === '' ? 'Value' : words.charAt(0).toUpperCase() + words.slice(1);
}

/** Returns the values of an object, each with the words of its path. */
function valuesOf(value: unknown, path: readonly string[] = []): [name: string, text: string][] {
  if (isObject(value) && path.length < MAX_DEPTH) {
    return Object.entries(value).flatMap(([field, one]) => valuesOf(one, [...path, field]));
  }
  return path.length === 0 && (value === null || value === undefined) ? [] : [[nameOf(path), valueText(value)]];
}

export interface ChangedValue {
  name: string;
  /** Null if the entry does not name a value. */
  before: string | null;
  after: string | null;
}

/** Returns the values that an entry names, those of the state before and after the change side by side. */
export function changedValues({ before, after }: Pick<PresentedEntry, 'before' | 'after'>): ChangedValue[] {
  const [was, is] = [new Map(valuesOf(before)), new Map(valuesOf(after))];
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names
    .slice(0, MAX_VALUES)
    .map((name) => ({ name, before: was.get(name) ?? null, after: is.get(name) ?? null }));
}

type ChainBreak = Extract<PresentedVerdict, { intact: false }>['firstBroken']['reason'];

/** What was found at the first entry that does not verify. */
export const BREAK_WORDS: Record<ChainBreak, string> = {
  ENTRY_CHANGED: 'Its content no longer matches its hash: the entry was changed after MIR had sealed it.',
  ENTRY_MISSING: 'One or more entries are missing here: they were deleted after MIR had sealed them.',
  ENTRY_INSERTED: 'An entry is in a place that MIR did not give it: it was inserted or renumbered.',
  LINK_BROKEN: 'The entry itself is unchanged, but it does not continue the one before it: entries were replaced.',
  HEAD_CHANGED:
    'The entries agree with each other, but not with the end of the chain that MIR recorded: entries were removed at the end, or the record was changed.',
};
