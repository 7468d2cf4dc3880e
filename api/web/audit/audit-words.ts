import type { PresentedEntry } from '../../audit/present-entry';

/** What each action in the audit log means, in the order of filters. */
export const ACTION_WORDS: Readonly<Record<string, string>> = {
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
  'agent.policy.changed': 'Policy for agents changed',
  'agent.subtree.killed': 'Agent and all below it stopped',
  'agent.subtree.kill.repeated': 'Agent and all below it stopped again',
  'application.submitted': 'Application submitted',
  'application.address_confirmed': 'Address of an application confirmed',
  'application.approved': 'Application approved',
  'application.rejected': 'Application rejected',
  'dead-letter.replayed': 'Dead letter replayed',
  'dead-letter.dropped': 'Dead letter dropped',
  'key.created': 'API key created',
  'key.rotated': 'API key replaced',
  'key.revoked': 'API key revoked',
  'link.code-issued': 'Link code created',
  'link.invited': 'Link invitation created',
  'link.confirmed': 'Account linked',
  'link.declined': 'Link declined',
  'link.removed': 'Account unlinked',
  'member.invited': 'Member invited',
  'member.invitation_withdrawn': 'Invitation withdrawn',
  'member.joined': 'Member joined',
  'member.role_changed': 'Member’s role changed',
  'member.removed': 'Member removed',
  'partner.created': 'Partner created',
  'partner.updated': 'Partner changed',
  'partner.suspended': 'Partner suspended',
  'partner.unsuspended': 'Partner reactivated',
  'partner.key.rotated': 'All API keys replaced',
  'person.exported': 'Data of a person exported',
  'person.looked-up': 'Person looked up',
  'person.unlinked': 'Account of a person unlinked',
  'person.deleted': 'Account of a person deleted',
  'receiver.created': 'Receiver added',
  'receiver.removed': 'Receiver deleted',
  'staff.renamed': 'Name of an account changed',
  'staff.password_reset': 'Password of an account reset',
  'staff.passkey_added': 'Passkey added',
  'staff.passkey_removed': 'Passkey removed',
  'staff.second_factor_added': 'Second factor added',
  'staff.second_factor_removed': 'Second factor removed',
  'user.erased': 'User erased',
  'webhook.created': 'Webhook added',
  'webhook.set': 'Webhook set',
  'webhook.updated': 'Webhook changed',
  'webhook.removed': 'Webhook deleted',
  'webhook.disabled': 'Webhook disabled by MIR',
  'webhook.recovered': 'Webhook messages sent again',
  'webhook.secret.rotated': 'Webhook secret replaced',
};

/** Actions that are not in the chains of partners. */
const OTHER_CHAINS = /^(?:application|dead-letter|person|staff)\./;

/** The actions that the chain of a partner can contain. */
export const PARTNER_ACTIONS = Object.keys(ACTION_WORDS).filter((action) => !OTHER_CHAINS.test(action));

/** Returns what an action means. An action of a later version is shown as the words of its code. */
export function actionText(action: string): string {
  const words = action.replaceAll(/[._-]/g, ' ').toLowerCase();
  return ACTION_WORDS[action] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

const VIA = { ADMIN_API: 'with the admin token', CLI: 'on the command line', CONSOLE: 'in the console' } as const;

type Actor = PresentedEntry['actor'];

/** Returns who made a change. `nameOf` returns the name of an agent or key, if it is known. */
export function actorText(actor: Actor, nameOf: (id: string) => string | undefined = () => undefined): string {
  switch (actor.kind) {
    case 'OPERATOR':
      return `${actor.name ?? 'An operator'}, ${VIA[actor.via]}`;
    case 'MEMBER':
      return actor.name;
    case 'PARTNER':
      if (actor.keyId === undefined) return 'An API key';
      return nameOf(actor.keyId) ?? `API key ${actor.keyId}`;
    case 'AGENT':
      return nameOf(actor.agentId) ?? `Agent ${actor.agentId}`;
    case 'FINDER':
      return 'A person who found the key';
    case 'APPLICANT':
      return 'The applicant';
    case 'IDENTITY':
      return 'The person, in their MIR account';
    default:
      return 'MIR';
  }
}

/** The kinds of actors, in filters. */
export const ACTOR_WORDS: Record<Actor['kind'], string> = {
  OPERATOR: 'Operators',
  MEMBER: 'Members of the partner',
  PARTNER: 'API keys of the partner',
  AGENT: 'Agents',
  APPLICANT: 'Applicants',
  FINDER: 'People who found a key',
  IDENTITY: 'People with a history',
  SYSTEM: 'MIR',
};
