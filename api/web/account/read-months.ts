import type { PartnerId } from '../../../shared/domain/ids';
import { partnerOf } from '../../../shared/domain/ids';
import type { MonthCount } from '../../../shared/store/events';
import { messageOf } from '../../../shared/errors';
import type { ApiContext } from '../../context';
import type { Series } from '../design/month-table';
import type { MyAccount } from '../../links/read-history';

const MONTHS_SHOWN = 12;

/** Returns the last twelve months as YYYY-MM (UTC), oldest first. */
function lastMonths(now: Date): string[] {
  return Array.from({ length: MONTHS_SHOWN }, (_, n) => {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - (MONTHS_SHOWN - 1 - n), 1));
    return month.toISOString().slice(0, 7);
  });
}

function seriesOf(accounts: readonly MyAccount[], months: readonly string[], counts: readonly MonthCount[]): Series[] {
  const names = new Map<PartnerId, string>();
  for (const { account, partner } of accounts) {
    const partnerId = partnerOf(account.tenant);
    names.set(partnerId, partner?.name ?? partnerId);
  }
  return [...names].map(([partnerId, name]) => ({
    name,
    counts: months.map((month) =>
      counts
        .filter((one) => one.month === month && partnerOf(one.tenant) === partnerId)
        .reduce((sum, { count }) => sum + count, 0),
    ),
  }));
}

/**
 * Counts the events of connected accounts by month and partner. Returns null on failure, so that the page still loads.
 */
export async function readMonths(
  { store, log }: Pick<ApiContext, 'store' | 'log'>,
  accounts: readonly MyAccount[],
  now: Date,
): Promise<{ months: string[]; series: Series[] } | null> {
  const months = lastMonths(now);
  if (accounts.length === 0) return { months, series: [] };
  try {
    const users = accounts.map(({ account: { tenant, userRef } }) => ({ tenant, userRef }));
    const counts = await store.events.countByMonth(users, new Date(`${months[0]}-01T00:00:00.000Z`));
    return { months, series: seriesOf(accounts, months, counts) };
  } catch (error) {
    log.warn({ err: messageOf(error) }, 'counting events by month failed');
    return null;
  }
}
