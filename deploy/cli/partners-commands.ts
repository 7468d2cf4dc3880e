import { type Command, Option } from 'commander';
import { validate } from '../../api/http/validate';
import { createPartner } from '../../api/partners/create-partner';
import { readPartner } from '../../api/partners/get-partner';
import { applicationInput, partnerPatch, termsInput } from '../../api/partners/input-schemas';
import { pageOfPartners } from '../../api/partners/list-partners';
import { presentPartner, type PresentedPartner } from '../../api/partners/present-partner';
import { rotateKey, rotationInput } from '../../api/partners/rotate-keys';
import { applyPartnerPatch } from '../../api/partners/update-partner';
import { addDecisionCommands } from './applications-commands';
import { given, operate, paged } from './command';
import type { Shell } from './shell';
import { pageTable, secrets, sheet } from './print';
import { addSuspendCommands } from './suspend-commands';
import { addUsageCommand } from './usage-command';
import { type TermsOptions, termsOf, withTerms } from './terms-options';

const DEFAULT_USE_CASE = 'Created by an operator.';

function partnerSheet(partner: PresentedPartner): string {
  const { keys, limits, allowedReturnOrigins, ...facts } = partner;
  const keyPairs = keys.map(({ env, prefix, createdAt }) => [`${env} key`, `${prefix}… since ${createdAt}`]);
  return sheet({
    ...facts,
    'events per minute': limits.eventsPerMinute,
    'requests per minute': limits.requestsPerMinute,
    'queue share': `${limits.queueSharePercent}%`,
    'return origins': allowedReturnOrigins.join('\n') || null,
    ...(Object.fromEntries(keyPairs) as Record<string, string>),
  });
}

/** Adds the `partners` commands. */
export function addPartnerCommands(partners: Command, shell: Shell): void {
  addReadingCommands(partners, shell);
  addUsageCommand(partners, shell);
  addDecisionCommands(partners, shell);
  addCreateCommand(partners, shell);
  addChangeCommands(partners, shell);
  addSuspendCommands(partners, shell);
}

function addReadingCommands(partners: Command, shell: Shell): void {
  paged(partners.command('list').description('list partners, newest first')).action(
    async (options: { limit: number; cursor?: string }, command: Command) =>
      operate(
        shell,
        command,
        (ctx) => pageOfPartners(ctx, options),
        (page) =>
          pageTable(page, ['partner', 'name', 'plan', 'suspended', 'events/min', 'requests/min', 'created'], (one) => [
            one.partnerId,
            one.name,
            one.plan,
            one.suspended,
            one.limits.eventsPerMinute,
            one.limits.requestsPerMinute,
            one.createdAt,
          ]),
      ),
  );
  partners
    .command('show <partnerId>')
    .description('show a partner')
    .action(async (partnerId: string, _options: object, command: Command) =>
      operate(shell, command, async (ctx) => presentPartner(await readPartner(ctx, partnerId)), partnerSheet),
    );
}

interface CreateOptions extends TermsOptions {
  name: string;
  website: string;
  contactEmail: string;
  useCase: string;
}

function addCreateCommand(partners: Command, shell: Shell): void {
  const create = partners
    .command('create')
    .description('create a partner without an application and show its API keys once')
    .requiredOption('--name <name>', 'name of the service as its users know it')
    .requiredOption('--website <url>', 'website of the service')
    .requiredOption('--contact-email <email>', 'email address of the person responsible')
    .option('--use-case <text>', 'how the service uses MIR', DEFAULT_USE_CASE);
  withTerms(create, { planRequired: true })
    .addHelpText(
      'after',
      '\nExample:\n  mir partners create --name "Demo shop" --website https://demo.example \\\n' +
        '    --contact-email demo@demo.example --plan ENTERPRISE --json',
    )
    .action(async (options: CreateOptions, command: Command) =>
      operate(
        shell,
        command,
        (ctx, auditContext) => {
          const { name, website, contactEmail, useCase } = options;
          const input = validate(applicationInput, { name, website, contactEmail, useCase }, 'command line');
          return createPartner(ctx, input, validate(termsInput, termsOf(options), 'command line'), auditContext);
        },
        ({ partnerId, liveApiKey, testApiKey }) =>
          secrets({ partner: partnerId, 'live key': liveApiKey, 'test key': testApiKey }),
      ),
    );
}

function addChangeCommands(partners: Command, shell: Shell): void {
  withTerms(partners.command('update <partnerId>').description("change a partner's plan, limits or return origins"), {
    planRequired: false,
  })
    .option('--no-origins', 'remove all return origins')
    .option('--reason <text>', 'reason to record in the audit log')
    .addHelpText('after', '\nExample:\n  mir partners update prt_0123 --plan ENTERPRISE --events-per-minute 600000')
    .action(
      async (partnerId: string, options: TermsOptions & { origins: boolean; reason?: string }, command: Command) => {
        const cleared = options.origins ? {} : { allowedReturnOrigins: [] };
        const fields = { ...termsOf(options), ...cleared };
        const patch = given({ ...fields, reason: options.reason });
        await operate(
          shell,
          command,
          (ctx, auditContext) =>
            applyPartnerPatch(ctx, partnerId, validate(partnerPatch, patch, 'command line'), auditContext),
          () => `Updated ${partnerId}.`,
        );
      },
    );

  partners
    .command('rotate <partnerId>')
    .description("replace a partner's API key in one environment; the old key stops working immediately")
    .addOption(new Option('--env <env>', 'environment of the key').choices(['live', 'test']).makeOptionMandatory())
    .option('--reason <text>', 'reason to record in the audit log')
    .addHelpText('after', '\nExample:\n  mir partners rotate prt_0123 --env live --reason "key was in a log"')
    .action(async (partnerId: string, options: { env: string; reason?: string }, command: Command) =>
      operate(
        shell,
        command,
        (ctx, auditContext) =>
          rotateKey(ctx, partnerId, validate(rotationInput, options, 'command line'), auditContext),
        ({ env, apiKey }) => secrets({ partner: partnerId, [`${env} key`]: apiKey }),
      ),
    );
}
