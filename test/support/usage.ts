import type { UsageSummary } from '../../shared/domain/usage';
import type { TestResponse } from './client';
import type { Harness } from './harness';

/** Reads a partner's usage as soon as the responses that this process has sent are counted. */
export async function usageOf({ ctx, client }: Harness, key: string, query = ''): Promise<TestResponse> {
  await ctx.usage.flush();
  return client.get(`/v1/usage?${query}`, key);
}

export async function totalUsage(mir: Harness, key: string): Promise<UsageSummary> {
  return (await usageOf(mir, key)).body.total as UsageSummary;
}

/** Returns the requests of a group, or undefined if there are none. */
export function groupOf({ requests }: UsageSummary, group: string): UsageSummary['requests'][number] | undefined {
  return requests.find((one) => one.group === group);
}
