import { z } from 'zod';
import { type Cli, runCli } from './run-cli';

/** The address to which the invitation of the first operator is sent. Emails of `npm start` go to the outbox. */
const EMAIL = 'operator@mir.example';

const Members = z.object({ data: z.array(z.unknown()) });

/**
 * Invites the first operator of this server, unless it has one. Returns true if the invitation has to be accepted, with
 * the link in the outbox.
 */
export async function inviteFirstOperator(cli: Cli): Promise<boolean> {
  const { data } = Members.parse(await runCli(cli, ['members', 'list', '--operators', '--limit', '1']));
  if (data.length > 0) return false;
  await runCli(cli, ['members', 'invite', '--operators', '--role', 'ADMIN'], `${EMAIL}\n`);
  return true;
}
