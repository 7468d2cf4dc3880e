import type { Command } from 'commander';
import { reasonSchema } from '../../api/http/schemas';
import { validate } from '../../api/http/validate';
import {
  deletePersonFor,
  exportPersonFor,
  findPerson,
  type FoundPerson,
  type PersonLink,
  previewDeletion,
  type SupportCase,
  unlinkPersonFor,
} from '../../api/people/support-person';
import { emailErrors, emailOf } from '../../api/web/auth/form-fields';
import { operate } from './command';
import { confirmationProblem, confirmByTyping, rejectUsage } from './confirm';
import type { CliContext } from './open';
import { sheet, table } from './print';
import { readValue } from './read-value';
import type { Shell } from './shell';
import { writeExport } from './write-export';

const PENDING = '\nSignals show this once the cache is reachable.';

interface ReasonOptions {
  reason?: string;
}

function withReason(command: Command): Command {
  return command.option('--reason <text>', 'reason to record in the audit log; always required');
}

const reasonProblem = ({ reason }: ReasonOptions): string | null =>
  reason === undefined ? 'the audit log needs a reason; add --reason <text>' : null;

/** Runs an operation on a person's account with the reason for it. */
function operateFor<T>(
  shell: Shell,
  command: Command,
  { reason }: ReasonOptions,
  work: (ctx: CliContext, support: SupportCase) => Promise<T>,
  show: ((result: T) => string) | null,
): Promise<void> {
  const valid = validate(reasonSchema, reason, 'reason');
  return operate(shell, command, (ctx, auditContext) => work(ctx, { auditContext, reason: valid }), show);
}

function linksText(links: readonly PersonLink[]): string {
  const rows = links.map(({ linkId, partnerId, env, linkedAt }) => [linkId, partnerId, env, linkedAt]);
  return links.length === 0 ? '' : `\n${table(['link', 'partner', 'env', 'since'], rows)}`;
}

function foundText({ exists, accountId, confirmed, createdAt, links }: FoundPerson): string {
  if (!exists) return 'No MIR account has this email address.';
  return sheet({ account: accountId, confirmed, created: createdAt, links: links.length }) + linksText(links);
}

/** Adds the `people` commands. */
export function addPeopleCommands(people: Command, shell: Shell): void {
  people.addHelpText(
    'after',
    '\nFor requests of people who cannot log in. Each command writes an audit entry with your name and the reason.' +
      '\nExamples:\n  mir people find --reason "request of the person"' +
      '\n  mir people export idn_0123 --reason "request of the person" --output /tmp/export.json',
  );
  addFindCommand(people, shell);
  addExportCommand(people, shell);
  addUnlinkCommand(people, shell);
  addDeleteCommand(people, shell);
}

function addFindCommand(people: Command, shell: Shell): void {
  withReason(people.command('find').description("show the ID and the links of an email address's MIR account"))
    .addHelpText(
      'after',
      '\nAsks for the email address, or reads it from standard input. It is never part of the command line,' +
        '\nbecause command lines appear in process lists and shell histories.',
    )
    .action(async (options: ReasonOptions, command: Command) => {
      rejectUsage(command, [reasonProblem(options)]);
      const email = emailOf(await readValue(shell, command, 'the email address'));
      rejectUsage(
        command,
        emailErrors(email).map(({ message }) => message),
      );
      await operateFor(shell, command, options, (ctx, support) => findPerson(ctx, email, support), foundText);
    });
}

function addExportCommand(people: Command, shell: Shell): void {
  withReason(people.command('export <accountId>').description('export what MIR stores about a person, as JSON'))
    .option('--output <file>', 'new file for the export, readable only by you; by default, standard output')
    .action(async (accountId: string, options: ReasonOptions & { output?: string }, command: Command) => {
      rejectUsage(command, [reasonProblem(options)]);
      const { output } = options;
      await operateFor(
        shell,
        command,
        options,
        async (ctx, support) => {
          if (output === undefined) {
            for await (const text of await exportPersonFor(ctx, accountId, support)) shell.out(text);
            return { accountId, file: null };
          }
          await writeExport(output, () => exportPersonFor(ctx, accountId, support));
          return { accountId, file: output };
        },
        output === undefined ? null : ({ file }) => `Exported ${accountId} to ${file}.`,
      );
    });
}

function addUnlinkCommand(people: Command, shell: Shell): void {
  withReason(people.command('unlink <accountId>').description("disconnect one of a person's accounts"))
    .option('--link <linkId>', 'ID of the link, as `mir people find` shows it; always required')
    .action(async (accountId: string, options: ReasonOptions & { link?: string }, command: Command) => {
      const { link } = options;
      rejectUsage(command, [
        link === undefined ? 'the link is missing; add --link <linkId>' : null,
        reasonProblem(options),
      ]);
      await operateFor(
        shell,
        command,
        options,
        (ctx, support) => unlinkPersonFor(ctx, { accountId, linkId: link! }, support),
        ({ linkId, cacheState }) => `Removed link ${linkId}.${cacheState === 'pending' ? PENDING : ''}`,
      );
    });
}

const DELETION = `This is permanent. It deletes the person's email address, password, sessions and links. The events that
partners reported stay in MIR. Tell the person that backups keep their data until you delete the backups.`;

async function confirmDeletion(ctx: CliContext, shell: Shell, accountId: string): Promise<void> {
  const { confirmed, links } = await previewDeletion(ctx, accountId);
  const facts = sheet({ account: accountId, confirmed, links: links.length }) + linksText(links);
  await confirmByTyping(shell, {
    preview: `${facts}\n${DELETION}`,
    question: "To delete this MIR account, type the account's ID: ",
    expected: accountId,
    what: "the account's ID",
  });
}

function addDeleteCommand(people: Command, shell: Shell): void {
  withReason(people.command('delete <accountId>').description("delete a person's MIR account and its links"))
    .option('--yes', "delete without asking for the account's ID")
    .action(async (accountId: string, options: ReasonOptions & { yes?: boolean }, command: Command) => {
      const { yes = false } = options;
      rejectUsage(command, [reasonProblem(options), yes ? null : confirmationProblem(shell, '--yes')]);
      await operateFor(
        shell,
        command,
        options,
        async (ctx, support) => {
          if (!yes) await confirmDeletion(ctx, shell, accountId);
          return deletePersonFor(ctx, accountId, support);
        },
        ({ cacheState }) => `Deleted ${accountId}.${cacheState === 'pending' ? PENDING : ''}`,
      );
    });
}
