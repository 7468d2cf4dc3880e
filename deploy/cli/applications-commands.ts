import { type Command, Option } from 'commander';
import { validate } from '../../api/http/validate';
import { submitApplication } from '../../api/partners/submit-application';
import { approvePendingApplication } from '../../api/partners/approve-application';
import { applicationInput, termsInput } from '../../api/partners/input-schemas';
import { reasonSchema } from '../../api/http/schemas';
import { pageOfApplications, readApplication } from '../../api/partners/list-applications';
import { rejectPendingApplication } from '../../api/partners/reject-application';
import type { ApplicationStatus } from '../../shared/store/applications';
import { operate, paged } from './command';
import type { Shell } from './shell';
import { pageTable, secrets, sheet } from './print';
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
          pageTable(page, ['application', 'status', 'name', 'website', 'contact', 'partner', 'created'], (one) => [
            one.applicationId,
            one.status,
            one.name,
            one.website,
            one.contactEmail,
            one.partnerId,
            one.createdAt,
          ]),
      ),
    );
  applications
    .command('show <applicationId>')
    .description('show an application')
    .action(async (applicationId: string, _options: object, command: Command) =>
      operate(shell, command, (ctx) => readApplication(ctx, applicationId), sheet),
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
        ({ store }, auditContext) =>
          submitApplication({ store }, validate(applicationInput, options, 'command line'), auditContext),
        ({ applicationId }) =>
          `Submitted ${applicationId}. To approve it: mir partners approve ${applicationId} --plan STANDARD`,
      ),
    );

  withTerms(
    partners.command('approve <applicationId>').description('approve an application and show the new API keys once'),
    {
      planRequired: true,
    },
  )
    .addHelpText('after', '\nExample:\n  mir partners approve app_0123 --plan STANDARD --events-per-minute 6000')
    .action(async (applicationId: string, options: TermsOptions, command: Command) =>
      operate(
        shell,
        command,
        (ctx, auditContext) =>
          approvePendingApplication(
            ctx,
            applicationId,
            validate(termsInput, termsOf(options), 'command line'),
            auditContext,
          ),
        ({ partnerId, liveApiKey, testApiKey }) =>
          secrets({ partner: partnerId, 'live key': liveApiKey, 'test key': testApiKey }),
      ),
    );

  partners
    .command('reject <applicationId>')
    .description('reject an application permanently')
    .option('--reason <text>', 'reason to record in the audit log')
    .action(async (applicationId: string, options: { reason?: string }, command: Command) =>
      operate(
        shell,
        command,
        ({ store }, auditContext) => {
          const reason = validate(reasonSchema.optional(), options.reason, 'reason');
          return rejectPendingApplication({ store }, applicationId, { reason }, auditContext);
        },
        (application) => `Rejected ${application.applicationId}.`,
      ),
    );
}
