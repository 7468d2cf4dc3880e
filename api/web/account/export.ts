import type { IdentityId } from '../../../shared/domain/ids';
import { throttle, type ThrottleRule } from '../../http/throttle';
import { exportPerson } from '../../people/export-person';
import { withNext } from '../http/next-path';
import { page, type PageCall } from '../http/page';

/** Limits exports, because each export reads all of a person's events. */
const EXPORTS: ThrottleRule = {
  name: 'account-export',
  points: 10,
  seconds: 3_600,
  rejection: 'You can export your data at most ten times an hour.',
};

/** Counts the attempt once the process has accepted the export, so that a 503 does not use up an attempt. */
async function* counted(
  ctx: PageCall['ctx'],
  identityId: IdentityId,
  source: AsyncIterable<string>,
): AsyncGenerator<string> {
  await throttle(ctx, EXPORTS).take(identityId);
  yield* source;
}

/** Downloads what MIR stores about the person, including all events of connected accounts, as a JSON file. */
export const exportAccount = page({
  method: 'GET',
  path: '/account/export',
  handle: async ({ ctx, session }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    const now = new Date();
    const identityId = session.identityId as IdentityId;
    const source = await exportPerson(ctx, { identityId, email: session.email }, now);
    return {
      download: ctx.longWork.stream(identityId, counted(ctx, identityId, source)),
      filename: `mir-account-${now.toISOString().slice(0, 10)}.json`,
      mediaType: 'application/json; charset=utf-8',
    };
  },
});
