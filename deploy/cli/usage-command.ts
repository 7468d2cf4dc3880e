import { type Command, Option } from 'commander';
import { validate } from '../../api/http/validate';
import { readPartner } from '../../api/partners/get-partner';
import { presentUsage, usageQuery } from '../../api/usage/get-usage';
import { type Env, tenantOf } from '../../shared/domain/ids';
import { USAGE_BUCKETS } from '../../shared/domain/usage';
import { given, operate } from './command';
import { table } from './print';
import type { Shell } from './shell';

interface UsageOptions {
  environment: Env;
  from?: string;
  to?: string;
  bucket: string;
}

type Usage = Awaited<ReturnType<typeof presentUsage>>;
type Summary = Usage['total'];

function eventsRow(from: string, { events }: Summary): (string | number)[] {
  const { persisted, duplicates, conflicts, failed, erased, rejected } = events;
  return [from, persisted, duplicates, conflicts, failed, erased, rejected];
}

function requestRows(from: string, { requests }: Summary): (string | number)[][] {
  return requests.map(({ group, total, byStatusClass: counts, unfinished }) => [
    from,
    group,
    total,
    counts['2xx'],
    counts['3xx'],
    counts['4xx'],
    counts['5xx'],
    unfinished,
  ]);
}

/** Formats usage as tables of events, requests and rejections. */
function usageText({ environment, from, to, asOf, data, total }: Usage): string {
  const title = `Usage in ${environment} from ${from} to ${to}, as of ${asOf}`;
  if (data.length === 0) return `${title}\nNone.`;
  const all: [string, Summary][] = [...data.map((one): [string, Summary] => [one.from, one]), ['total', total]];
  const rejections = total.rejections.map(({ code, status, requests }) => [code, status, requests]);
  return [
    title,
    table(
      ['events from', 'persisted', 'duplicates', 'conflicts', 'failed', 'erased', 'rejected'],
      all.map(([start, summary]) => eventsRow(start, summary)),
    ),
    table(
      ['requests from', 'group', 'total', '2xx', '3xx', '4xx', '5xx', 'unfinished'],
      all.flatMap(([start, summary]) => requestRows(start, summary)),
    ),
    ...(rejections.length > 0 ? [table(['rejections, in total', 'status', 'requests'], rejections)] : []),
  ].join('\n');
}

/** Adds the `partners usage` command. */
export function addUsageCommand(partners: Command, shell: Shell): void {
  partners
    .command('usage <partnerId>')
    .description("show a partner's events by outcome, and its requests by route group, status and code")
    .addOption(new Option('--environment <env>', 'environment').choices(['live', 'test']).default('live'))
    .addOption(
      new Option('--bucket <bucket>', 'length of the buckets (UTC)').choices([...USAGE_BUCKETS]).default('hour'),
    )
    .option(
      '--from <time>',
      'start, such as 2026-01-31T00:00:00Z; by default 24 hours, or 30 days for days, before the end',
    )
    .option('--to <time>', 'end; by default the current time')
    .addHelpText('after', '\nExample:\n  mir partners usage prt_0123 --bucket day --from 2026-01-31T00:00:00Z --json')
    .action(async (partnerId: string, { environment, ...range }: UsageOptions, command: Command) =>
      operate(
        shell,
        command,
        async (ctx) => {
          const query = validate(usageQuery, given(range), 'command line');
          const { _id } = await readPartner(ctx, partnerId);
          return presentUsage(ctx, tenantOf(_id, environment), query);
        },
        usageText,
      ),
    );
}
