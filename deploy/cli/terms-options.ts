import { type Command, Option } from 'commander';
import { given, wholeNumber } from './command';

/** Options that tell a partner's plan, limits and return origins. */
export interface TermsOptions {
  plan?: string;
  eventsPerMinute?: number;
  requestsPerMinute?: number;
  origin?: string[];
}

/** Adds the options of a partner's terms; the plan is required where a partner is made. */
export function withTerms(command: Command, { planRequired }: { planRequired: boolean }): Command {
  const plan = new Option('--plan <plan>', 'what the partner may use').choices(['STANDARD', 'ENTERPRISE']);
  return command
    .addOption(planRequired ? plan.makeOptionMandatory() : plan)
    .option('--events-per-minute <n>', 'events it may submit, per environment', wholeNumber)
    .option('--requests-per-minute <n>', 'other requests it may make, per environment', wholeNumber)
    .option('--origin <origins...>', 'origins its links may return to, e.g. https://shop.example');
}

/** The options as the fields of the admin routes. */
export function termsOf(options: TermsOptions): Record<string, unknown> {
  const { plan, eventsPerMinute, requestsPerMinute, origin } = options;
  const limits = given({ eventsPerMinute, requestsPerMinute });
  return given({
    plan,
    limits: Object.keys(limits).length > 0 ? limits : undefined,
    allowedReturnOrigins: origin,
  });
}
