import { type Command, Option } from 'commander';
import { z } from 'zod';
import { reasonSchema } from '../../api/http/schemas';
import { validate } from '../../api/http/validate';
import { readPartner } from '../../api/partners/get-partner';
import { orderErasure } from '../../api/users/order-erasure';
import { presentErasure } from '../../api/users/present-erasure';
import { userExternalIdSchema } from '../../shared/domain/event';
import { type Env, tenantOf } from '../../shared/domain/ids';
import { advanceClock } from '../../shared/redis/clock';
import type { AuditContext } from '../../api/db/audit-context';
import { operate } from './command';
import { rejectUsage } from './confirm';
import type { CliContext } from './open';
import { readValue } from './read-value';
import type { Shell } from './shell';

const eraseInput = z.strictObject({ userExternalId: userExternalIdSchema, reason: reasonSchema });

interface EraseOptions {
  partner?: string;
  env?: Env;
  reason?: string;
}

async function eraseUser(
  ctx: CliContext,
  { partnerId, env, input }: { partnerId: string; env: Env; input: z.output<typeof eraseInput> },
  auditContext: AuditContext,
) {
  const { _id } = await readPartner(ctx, partnerId);
  const tenant = tenantOf(_id, env);
  // An erasure covers events by their times on the partner's clock, which this does not advance.
  const askedAt = new Date(await advanceClock(ctx.queueLink.client, ctx.keys, _id, 0));
  const userRef = ctx.secrets.userRef(tenant, input.userExternalId);
  const ordered = await orderErasure(ctx, tenant, userRef, askedAt, auditContext, input.reason);
  const { erasure, cacheState } = ordered;
  await ordered.woken;
  return { ...presentErasure(erasure), partnerId: _id, env, cacheState };
}

/** Adds the `users` commands. */
export function addUserCommands(users: Command, shell: Shell): void {
  users
    .command('erase')
    .description("erase a partner's user: their events, totals and link, as `POST /v1/users/erase` does")
    .option('--partner <partnerId>', 'partner that the user belongs to; always required')
    .addOption(new Option('--env <env>', 'environment of the user; always required').choices(['live', 'test']))
    .option('--reason <text>', 'reason to record in the audit log, which the partner can read; always required')
    .addHelpText(
      'after',
      "\nAsks for the partner's ID of the user, or reads it from standard input. It is never part of the command line," +
        '\nbecause command lines appear in process lists and shell histories. The erasure cannot be undone.',
    )
    .action(async ({ partner, env, reason }: EraseOptions, command: Command) => {
      rejectUsage(command, [
        partner === undefined ? 'the partner is missing; add --partner <partnerId>' : null,
        env === undefined ? 'the environment is missing; add --env live or --env test' : null,
        reason === undefined ? 'the audit log needs a reason; add --reason <text>' : null,
      ]);
      const userExternalId = await readValue(shell, command, "the partner's ID of the user");
      const input = validate(eraseInput, { userExternalId, reason }, 'input');
      await operate(
        shell,
        command,
        (ctx, auditContext) => eraseUser(ctx, { partnerId: partner!, env: env!, input }, auditContext),
        ({ receiptId, erasedAt, cacheState }) =>
          `Ordered erasure ${receiptId}. Events received up to ${erasedAt} no longer count; workers delete them.` +
          (cacheState === 'pending' ? '\nSignals show this once the cache is reachable.' : ''),
      );
    });
}
