import Table from 'cli-table3';
import type { TierRules } from '../../shared/domain/tier';
import type { CheckResult } from './check';
import type { StoreTotals } from './check-store';
import { daysSince, type Expected, expectedTier, totalOf } from './count';
import type { FinalReceipts } from './await-receipts';

const HOT_USERS_SHOWN = 3;
const DIFFERENCES_SHOWN = 25;

/** The demo's results for one partner. */
export interface PartnerResult {
  name: string;
  expected: ReadonlyMap<string, Expected>;
  final: FinalReceipts['totals'][number];
  checked: CheckResult;
  store: StoreTotals;
}

/** Formats a table of each partner's expected and stored event counts, and its users by tier. */
export function partnersTable(results: readonly PartnerResult[]): string {
  const table = new Table({
    head: [
      'partner',
      'expected',
      'in MongoDB',
      'duplicates',
      'conflicts',
      'users',
      'tier 1',
      'tier 2',
      'tier 3',
      'match',
    ],
    colAligns: ['left', ...Array.from({ length: 8 }, () => 'right' as const), 'left'],
    style: { head: [], border: [] },
  });
  for (const { name, expected, final, checked, store } of results) {
    const [, ...tiers] = Object.values(checked.tiers);
    const counts = [totalOf(expected), store.events, final.duplicates, final.conflicts, expected.size];
    table.push([name, ...counts, ...tiers, checked.differences.length === 0 ? 'all users' : 'NO']);
  }
  return table.toString();
}

/** Formats a table of the users with the most events for each partner. */
export function hotUsersTable(results: readonly PartnerResult[], rules: TierRules, nowMs: number): string {
  const table = new Table({
    head: ['partner', 'user', 'events', 'first event', 'days', 'tier'],
    colAligns: ['left', 'left', 'right', 'left', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { name, expected } of results) {
    const hottest = [...expected].sort(([, a], [, b]) => b.eventCount - a.eventCount).slice(0, HOT_USERS_SHOWN);
    for (const [id, user] of hottest) {
      const first = new Date(user.firstAtMs).toISOString().slice(0, 10);
      const tier = expectedTier(rules, user, nowMs);
      table.push([name, id, user.eventCount, first, daysSince(user.firstAtMs, nowMs), tier]);
    }
  }
  return table.toString();
}

/** Formats the first differences and the number of remaining differences. */
export function differencesText(differences: readonly string[]): string {
  const shown = differences.slice(0, DIFFERENCES_SHOWN).map((text) => `  - ${text}`);
  const more = differences.length - shown.length;
  return [`${differences.length} differences:`, ...shown, ...(more > 0 ? [`  … and ${more} more`] : [])].join('\n');
}
