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

/** `applications list | show`. */
export function addApplicationCommands(applications: Command, shell: Shell): void {
  const list = paged(applications.command('list').description('list applications, newest first'));
  list
    .addOption(new Option('--status <status>', 'only these').choices(['PENDING', 'APPROVED', 'REJECTED']))
    .addHelpText('after', '\nExample:\n  mir applications list --status PENDING')
    .action(async (options: { status?: ApplicationStatus; limit: number; cursor?: string }, command: Command) =>
      operate(
        shell,
        command,
        (ctx) => pageOfApplications(ctx, options),
        (answer) =>
          pageTable(answer, ['application', 'status', 'name', 'website', 'contact', 'partner', 'created'], (one) => [
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
    .description('show an application: who applies, and what for')
    .action(async (applicationId: string, _options: object, command: Command) =>
      operate(shell, command, (ctx) => readApplication(ctx, applicationId), sheet),
    );
}

/** `partners apply | approve | reject`. */
export function addDecisionCommands(partners: Command, shell: Shell): void {
  partners
    .command('apply')
    .description('file an application for somebody; `partners approve` decides it')
    .requiredOption('--name <name>', 'name of the service, as its users know it')
    .requiredOption('--website <url>', 'its website')
    .requiredOption('--contact-email <email>', 'who answers for it')
    .requiredOption('--use-case <text>', 'what events it will submit and what it needs signals for')
    .action(async (options: Record<string, string>, command: Command) =>
      operate(
        shell,
        command,
        ({ store }, auditContext) =>
          submitApplication({ store }, validate(applicationInput, options, 'command line'), auditContext),
        ({ applicationId }) =>
          `Filed ${applicationId}. To decide: mir partners approve ${applicationId} --plan STANDARD`,
      ),
    );

  withTerms(partners.command('approve <applicationId>').description('approve an application and show its keys, once'), {
    planRequired: true,
  })
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
    .description('reject an application, for good')
    .option('--reason <text>', 'why, as the audit keeps it')
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
