import type { z } from 'zod';
import { type Env, tenantOf } from '../../../../shared/domain/ids';
import { pageOfAudit } from '../../../audit/list-audit';
import type { PresentedEntry } from '../../../audit/present-entry';
import { keysOf } from '../../../keys/change-keys';
import { presentKey, type PresentedKey } from '../../../keys/key-schemas';
import { pageOfMembers } from '../../../members/list-members';
import type { PresentedMember } from '../../../members/member-schemas';
import { readPartner } from '../../../partners/get-partner';
import { presentPartner, type PresentedPartner } from '../../../partners/present-partner';
import { presentUsage } from '../../../usage/get-usage';
import { presentWebhook, type webhookSchema } from '../../../webhooks/webhook-schemas';
import type { PageCall } from '../../http/page';
import { OPERATOR_READS } from '../operator-reads';

/** Maximum number of members that the page of a partner lists. */
const MAX_MEMBERS = 20;
/** Maximum number of audit entries that the page of a partner lists. */
const MAX_ACTIONS = 8;

type Usage = Awaited<ReturnType<typeof presentUsage>>;
type Webhook = z.input<typeof webhookSchema>;

/** What the page of a partner shows. */
export interface PartnerDetails {
  partner: PresentedPartner;
  keys: readonly PresentedKey[];
  members: { data: readonly PresentedMember[]; hasMore: boolean };
  webhooks: readonly Webhook[];
  /** What operators did lately, newest first. */
  actions: readonly PresentedEntry[];
  /** By day, from the start of last month. Null if it could not be read. */
  usage: Usage | null;
}

/** Returns the first moment of the month before the current one, in UTC. */
function startOfLastMonth(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
}

/** Reads what the page of a partner shows about one environment. Throws 404 if the partner does not exist. */
export async function readPartnerDetails(
  { ctx, log, requestId }: Pick<PageCall, 'ctx' | 'log' | 'requestId'>,
  partnerId: string,
  env: Env,
): Promise<PartnerDetails> {
  const { store, longWork } = ctx;
  const doc = await readPartner(ctx, partnerId);
  const now = new Date();
  const tenant = tenantOf(doc._id, env);
  const range = { bucket: 'day', from: startOfLastMonth(now).toISOString() } as const;
  const [members, webhooks, actions, usage] = await Promise.all([
    pageOfMembers(ctx, doc._id, { limit: MAX_MEMBERS }),
    store.webhooks.ofTenant(tenant),
    longWork.list(OPERATOR_READS, () => pageOfAudit(ctx, tenant, { limit: MAX_ACTIONS, actor: 'OPERATOR' })),
    // Counts the current hour in Redis. The rest of the page works without it.
    longWork
      .list(OPERATOR_READS, () => presentUsage(ctx, tenant, range))
      .catch((err: unknown) => {
        log.warn({ err, requestId }, 'usage of a partner not read');
        return null;
      }),
  ]);
  return {
    partner: presentPartner(doc),
    keys: keysOf(doc, env, now).map(({ current, replaced }) => presentKey(current, replaced)),
    members: { data: members.data, hasMore: members.nextCursor !== null },
    webhooks: webhooks.map((webhook) => presentWebhook(webhook, now)),
    actions: actions.data,
    usage,
  };
}
