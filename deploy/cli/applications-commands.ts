import { type Command, Option } from 'commander';
import { validate } from '../../api/http/validate';
import { submitApplication } from '../../api/partners/submit-application';
import { approvePendingApplication } from '../../api/partners/approve-application';
import { applicationInput, termsInput } from '../../api/partners/input-schemas';
import { reasonSchema } from '../../api/http/schemas';
import { pageOfApplications, readApplication } from '../../api/partners/list-applications';
import type { PresentedApplication } from '../../api/partners/present-application';
import { rejectPendingApplication } from '../../api/partners/reject-application';
import type { ApplicationStatus } from '../../shared/store/applications';
import { operate, paged } from './command';
import type { Shell } from './shell';
import { pageTable, printable, secrets, sheet } from './print';
import { type TermsOptions, termsOf, withTerms } from './terms-options';

/** Adds `applications list` and `applications show`. */
export function addApplicationCommands(applications: Command, shell: Shell): void {
  const list = paged(applications.command('list').description('list applications, newest first'));
  list
    .addOption(new Option('--status <status>', 'filter by status').choices(['PENDING', 'APPROVED', 'REJECTED']))
    .addHelpText('after', '\nExample:\n  mir applications list --status PENDING')
    .action(async (options: { status?: ApplicationStatus; limit: number; cursor?: string }, command: Command) =>
      operate(
        shell,
        command,
        (ctx) => pageOfApplications(ctx, options),
        (page) =>
          pageTable(
            page,
            ['application', 'status', 'name', 'website', 'contact', 'confirmed', 'partner', 'created'],
            (one) => [
              one.applicationId,
              one.status,
              one.name,
              one.website,
              one.contactEmail,
              one.addressConfirmedAt,
              one.partnerId,
              one.createdAt,
            ],
          ),
      ),
    );
  applications
    .command('show <applicationId>')
    .description('show an application')
    .action(async (applicationId: string, _options: object, command: Command) =>
      operate(shell, command, (ctx) => readApplication(ctx, applicationId), sheet),
    );
}

/** Returns a warning if an approval would invite an address that is not confirmed, and otherwise nothing. */
function warningBefore({ status, contactEmail, addressConfirmedAt }: PresentedApplication): string {
  if (status !== 'PENDING' || addressConfirmedAt !== null) return '';
  return printable(
    `Warning: ${contactEmail} is not confirmed. Anyone who reads this mailbox can become the first administrator.\n` +
      'Check the address with the applicant.\n',
  );
}

/** Adds `partners apply`, `partners approve` and `partners reject`. */
export function addDecisionCommands(partners: Command, shell: Shell): void {
  partners
    .command('apply')
    .description('submit an application on behalf of a partner')
    .requiredOption('--name <name>', 'name of the service as its users know it')
    .requiredOption('--website <url>', 'website of the service')
    .requiredOption('--contact-email <email>', 'email address of the person responsible')
    .requiredOption('--use-case <text>', 'which events the service will submit, and how it will use signals')
    .action(async (options: Record<string, string>, command: Command) =>
      operate(
        shell,
        command,
        (ctx, auditContext) =>
          submitApplication(ctx, validate(applicationInput, options, 'command line'), auditContext),
        ({ applicationId }) =>
          `Submitted ${applicationId}. To approve it: mir partners approve ${applicationId} --plan STANDARD`,
      ),
    );

  withTerms(
    partners
      .command('approve <applicationId>')
      .description('approve an application, show the new API keys once, and invite its first administrator by email'),
    {
      planRequired: true,
    },
  )
    .addHelpText('after', '\nExample:\n  mir partners approve app_0123 --plan STANDARD --events-per-minute 6000')
    .action(async (applicationId: string, options: TermsOptions, command: Command) =>
      operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const terms = validate(termsInput, termsOf(options), 'command line');
          const sendsMail = ctx.config.mail.kind !== 'off';
          if (sendsMail) shell.err(warningBefore(await readApplication(ctx, applicationId)));
          const issued = await approvePendingApplication(ctx, applicationId, terms, auditContext);
          if (!sendsMail) shell.err('MIR sent no email, because SMTP_URL is not set. Tell the applicant yourself.\n');
          return issued;
        },
        ({ partnerId, liveApiKey, testApiKey }) =>
          secrets({ partner: partnerId, 'live key': liveApiKey, 'test key': testApiKey }),
      ),
    );

  partners
    .command('reject <applicationId>')
    .description('reject an application permanently')
    .option('--reason <text>', 'reason to record in the audit log and to send to the applicant')
    .action(async (applicationId: string, options: { reason?: string }, command: Command) =>
      operate(
        shell,
        command,
        (ctx, auditContext) => {
          const reason = validate(reasonSchema.optional(), options.reason, 'reason');
          return rejectPendingApplication(ctx, applicationId, { reason }, auditContext);
        },
        (application) => `Rejected ${application.applicationId}.`,
      ),
    );
}
