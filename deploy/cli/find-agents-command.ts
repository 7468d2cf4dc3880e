import type { Command } from 'commander';
import { findAgents, findInput, type FindInput } from '../../api/agents/find-agents';
import { validate } from '../../api/http/validate';
import { API_KEY_FORMAT, parseApiKey } from '../../shared/domain/api-key';
import { operate } from './command';
import { pageTable } from './print';
import { readValue } from './read-value';
import type { Shell } from './shell';

type Found = Awaited<ReturnType<typeof findAgents>>;

interface FindOptions {
  owner?: boolean;
  keyFromStdin?: boolean;
}

/** Returns what the operator means, which the form of the text shows. Anything else is the start of a name. */
function inputOf(text: string, isOwner: boolean): FindInput {
  if (isOwner) return { owner: text };
  if (/^agt_(live|test)_\w+$/.test(text)) return { agentId: text };
  if (/^evt_(live|test)_[\w.-]+$/.test(text)) return { eventId: text };
  if (/^mir_(live|test)_/.test(text)) return { keyPrefix: text };
  return { name: text };
}

const foundText = ({ data, hasMore }: Found): string => {
  const head = ['agent', 'name', 'status', 'partner', 'env', 'path'];
  const shown = pageTable({ data, nextCursor: null }, head, (one) => [
    one.agentId,
    one.name,
    one.status,
    `${one.partnerName}\n${one.partnerId}`,
    one.environment,
    one.path.map(({ agentId, name }) => `${agentId}  ${name}`).join('\n'),
  ]);
  return hasMore ? `${shown}\nMore agents match. Add more characters, or search by agent ID.` : shown;
};

/** Adds `agents find`. */
export function addFindAgentsCommand(agents: Command, shell: Shell): void {
  agents
    .command('find [text...]')
    .description('find agents of all partners by name, agent ID, key prefix, owner or event ID')
    .option('--owner', 'find the agents for which the person with this name or email address is responsible')
    .option('--key-from-stdin', 'find the agent that has, or had, the key on standard input')
    .addHelpText(
      'after',
      '\nA name may be given by its first characters. A whole key is never part of the command line, because command lines' +
        '\nappear in process lists and shell histories.' +
        '\nExamples:\n  mir agents find Restock bot\n  mir agents find agt_live_0123\n' +
        '  mir agents find mir_live_agent_k7m2q9x4w3zn_3vN8xK1t\n  mir agents find --owner ada@harbour.example\n' +
        '  mir agents find --key-from-stdin',
    )
    .action(async (words: string[], options: FindOptions, command: Command) => {
      const { owner = false, keyFromStdin = false } = options;
      const text = words.join(' ');
      if (keyFromStdin === (text !== '') || (keyFromStdin && owner)) {
        command.error('error: specify a name, an ID, a key prefix or an owner, or use --key-from-stdin');
      }
      if (API_KEY_FORMAT.test(text)) {
        command.error('error: a whole key must not be on the command line; use --key-from-stdin, and revoke this key');
      }
      const key = keyFromStdin ? await readValue(shell, command, "the agent's key") : null;
      if (key !== null && !parseApiKey(key)) {
        command.error('error: this is not a whole API key; check that all of it was copied');
      }
      const input = validate(findInput, key === null ? inputOf(text, owner) : { key }, 'search');
      await operate(shell, command, (ctx) => findAgents(ctx, null, input), foundText);
    });
}
