import type { PresentedEntry } from '../../audit/present-entry';

const VIA = { ADMIN_API: 'through the admin API', CLI: 'on the command line', CONSOLE: 'in the console' } as const;

/** Says who did something, in words. */
export function actorText(actor: PresentedEntry['actor']): string {
  switch (actor.kind) {
    case 'OPERATOR':
      return `${actor.name ?? 'An operator'}, ${VIA[actor.via]}`;
    case 'MEMBER':
      return `${actor.name}, a member`;
    case 'PARTNER':
      return actor.keyId === undefined ? 'A key of the partner' : `The key ${actor.keyId}`;
    case 'AGENT':
      return `The agent ${actor.agentId}`;
    case 'FINDER':
      return 'Someone who had found the key';
    case 'APPLICANT':
      return 'The applicant';
    case 'IDENTITY':
      return 'A person with a history';
    default:
      return 'MIR';
  }
}
