import type { Command } from 'commander';
import { reasonSchema } from '../../api/http/schemas';
import { validate } from '../../api/http/validate';
import { readPartner } from '../../api/partners/get-partner';
import { previewSuspension, type SuspensionPreview } from '../../api/partners/preview-suspension';
import { applyPartnerPatch } from '../../api/partners/update-partner';
import { operate } from './command';
import { confirmationProblem, confirmByTyping, reasonProblem, rejectUsage } from './confirm';
import { printable, sheet, table } from './print';
import type { Shell } from './shell';

const UNAFFECTED = `Not affected: events that are already accepted, which are still stored; stored events, links and
signals that other partners see; webhook messages that are waiting. People cannot connect new accounts until
the suspension ends. \`mir partners unsuspend\` ends it.`;

function previewText({ partnerId, name, suspended, environments }: SuspensionPreview): string {
  const rows = environments.map(({ env, keys, agents, queuedEvents, isLowerBound }) => {
    const shown = (count: number): string => (isLowerBound ? `at least ${count}` : String(count));
    return [env, shown(keys), shown(agents), shown(queuedEvents)];
  });
  return [
    sheet({ partner: partnerId, name, 'already suspended': suspended }),
    table(['environment', 'keys rejected', 'agents rejected', 'queued events, still stored'], rows),
    UNAFFECTED,
  ].join('\n');
}

interface SuspendOptions {
  reason?: string;
  preview?: boolean;
  yes?: boolean;
}

/** Adds `partners suspend` and `partners unsuspend`. */
export function addSuspendCommands(partners: Command, shell: Shell): void {
  partners
    .command('suspend <partnerId>')
    .description('reject all requests from a partner and its agents, effective immediately')
    .option('--preview', 'show what would be affected and change nothing')
    .option('--reason <text>', 'reason to record in the audit log; required, except with --preview')
    .option('--yes', "suspend without asking for the partner's name")
    .action(async (partnerId: string, { reason, preview = false, yes = false }: SuspendOptions, command: Command) => {
      if (preview) {
        return operate(
          shell,
          command,
          async (ctx) => previewSuspension(ctx, await readPartner(ctx, partnerId)),
          previewText,
        );
      }
      rejectUsage(command, [reasonProblem(reason), yes ? null : confirmationProblem(shell, '--yes')]);
      const given = validate(reasonSchema, reason, 'reason');
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const partner = await readPartner(ctx, partnerId);
          if (!yes) {
            await confirmByTyping(shell, {
              preview: previewText(await previewSuspension(ctx, partner)),
              question: `To suspend ${printable(partner.name)}, type the partner's name: `,
              expected: partner.name,
              what: "the partner's name",
            });
          }
          return applyPartnerPatch(ctx, partnerId, { suspended: true, reason: given }, auditContext);
        },
        () => `Suspended ${partnerId}. All its keys are now rejected.`,
      );
    });

  partners
    .command('unsuspend <partnerId>')
    .description("accept a suspended partner's requests again")
    .option('--reason <text>', 'reason to record in the audit log')
    .action(async (partnerId: string, options: { reason?: string }, command: Command) =>
      operate(
        shell,
        command,
        (ctx, auditContext) => {
          const reason = validate(reasonSchema.optional(), options.reason, 'reason');
          return applyPartnerPatch(ctx, partnerId, { suspended: false, reason }, auditContext);
        },
        () => `Unsuspended ${partnerId}. Its keys work again.`,
      ),
    );
}
