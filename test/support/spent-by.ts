import { type PartnerId, tagOf } from '../../shared/domain/ids';
import type { Harness } from './harness';

/** The limit of a partner whose charges a test counts. Low, so that budgets regain less than a unit meanwhile. */
export const PER_MINUTE = 60;

export type Policy = 'events' | 'requests' | 'control' | 'introspections';
export const CAPACITIES: Record<Policy, number> = {
  events: PER_MINUTE,
  requests: PER_MINUTE,
  control: 120,
  introspections: PER_MINUTE,
};

/** Returns the units that a request spends from each of the partner's budgets. Refills the budgets first. */
export async function spentBy(
  { ctx }: Pick<Harness, 'ctx'>,
  { partnerId }: { partnerId: PartnerId },
  request: () => Promise<unknown>,
): Promise<Partial<Record<Policy, number>>> {
  const { client } = ctx.queueLink;
  const keyOf = (policy: Policy): string => ctx.keys.budget(tagOf(partnerId), 'live', policy) + partnerId;
  const policies = Object.keys(CAPACITIES) as Policy[];
  await client.del(...policies.map(keyOf));
  await request();
  const spent = await Promise.all(
    policies.map(async (policy): Promise<[Policy, number]> => {
      const budget = await client.get(keyOf(policy));
      return [policy, budget === null ? 0 : Math.ceil(CAPACITIES[policy] - Number(budget.split(' ')[0]))];
    }),
  );
  return Object.fromEntries(spent.filter(([, units]) => units > 0));
}
