import { type Command, Option } from 'commander';
import { given, wholeNumber } from './command';

/** Options for a partner's plan, limits and return origins. */
export interface TermsOptions {
  plan?: string;
  eventsPerMinute?: number;
  requestsPerMinute?: number;
  queueSharePercent?: number;
  origin?: string[];
}

/** Adds the options for a partner's plan, limits and return origins. */
export function withTerms(command: Command, { planRequired }: { planRequired: boolean }): Command {
  const plan = new Option('--plan <plan>', "the partner's plan").choices(['STANDARD', 'ENTERPRISE']);
  return command
    .addOption(planRequired ? plan.makeOptionMandatory() : plan)
    .option('--events-per-minute <n>', 'maximum events per minute in each environment', wholeNumber)
    .option('--requests-per-minute <n>', 'maximum other requests per minute in each environment', wholeNumber)
    .option('--queue-share-percent <n>', 'maximum share of the queue for events waiting to be stored', wholeNumber)
    .option(
      '--origin <origins...>',
      "origins that the partner's links may return to, for example https://shop.example",
    );
}

/** Converts the options to the fields that the admin routes accept. */
export function termsOf(options: TermsOptions): Record<string, unknown> {
  const { plan, eventsPerMinute, requestsPerMinute, queueSharePercent, origin } = options;
  const limits = given({ eventsPerMinute, requestsPerMinute, queueSharePercent });
  return given({
    plan,
    limits: Object.keys(limits).length > 0 ? limits : undefined,
    allowedReturnOrigins: origin,
  });
}
