import { z } from 'zod';
import { newId, type Tenant } from '../../shared/domain/ids';
import { MAX_RECEIVERS_PER_TENANT } from '../../shared/domain/receiver';
import { freeReceiverSlot, type ReceiverDoc } from '../../shared/store/receivers';
import type { StoreSession } from '../../shared/store/store';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { takeSlot } from '../webhooks/take-slot';
import { urlInput } from '../webhooks/webhook-schemas';
import { newSecret } from '../webhooks/webhook-secrets';
import { requireSendableUrl, type WebhookDeps } from '../webhooks/webhook-url';
import { appendReceiverEntry } from './audit-receiver';
import { formatSchema, presentReceiver, receiverSchema } from './receiver-schemas';

const createReceiverInput = z
  .strictObject({ url: urlInput, format: formatSchema })
  .meta({ id: 'CreateReceiverRequest' });

async function insertReceiver(
  { store, secrets }: WebhookDeps,
  tenant: Tenant,
  { url, format }: z.output<typeof createReceiverInput>,
  auditContext: AuditContext,
  session: StoreSession,
): Promise<{ receiver: ReceiverDoc; secret?: string }> {
  const receiverSlot = freeReceiverSlot(await store.webhooks.receiversOf(tenant, session));
  if (receiverSlot === null) {
    throw new PublicError(
      'CONFLICT',
      `An environment can have at most ${MAX_RECEIVERS_PER_TENANT} receivers. Delete one that you no longer need.`,
    );
  }
  const _id = newId('rcv');
  const created = { _id, tenant, receiverSlot, url, format, createdAt: auditContext.at };
  const issued = format === 'SET' ? null : newSecret(secrets, _id);
  const receiver = issued ? { ...created, sealedSecret: issued.sealedSecret } : created;
  await store.webhooks.insert(receiver, session);
  await appendReceiverEntry({ store }, tenant, auditContext, 'receiver.created', receiver, session);
  return { receiver, ...(issued && { secret: issued.secret }) };
}

export const createReceiverRoute = route({
  operationId: 'createReceiver',
  method: 'POST',
  path: '/receivers',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    availableWithoutRedis: false,
    recentLogIn: true,
    partnerOnly: true,
    enterpriseOnly: true,
  },
  tag: 'Agents',
  summary: 'Create a receiver of kills',
  description:
    'Whenever a kill, a revocation, a suspension, a reactivation or a key rotation of an agent takes effect, MIR sends a signed push to the receiver, so that systems outside MIR can enforce it, too. MIR retries until the receiver acknowledges the push, for about a day. The report of a kill shows the acknowledgements.',
  query: noQuery,
  body: createReceiverInput,
  idempotencyKey: true,
  answers: {
    201: {
      description: 'The receiver and, for the format `STANDARD_WEBHOOK`, its secret, which is shown only once',
      schema: receiverSchema
        .extend({ secret: z.string().optional().describe('Only for the format `STANDARD_WEBHOOK`. Shown only once.') })
        .meta({ id: 'IssuedReceiver' }),
    },
  },
  problems: ['CONFLICT', 'WEBHOOK_URL_NOT_ALLOWED'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, caller, body } = call;
    requireSendableUrl(body.url, ctx.config.webhooksToPrivateAddresses);
    const auditContext = auditContextForCaller(call);
    const { receiver, secret } = await takeSlot(MAX_RECEIVERS_PER_TENANT, () =>
      transaction(ctx, (session) => insertReceiver(ctx, caller.tenant, body, auditContext, session)),
    );
    return { status: 201, body: { ...presentReceiver(receiver), ...(secret !== undefined && { secret }) } };
  },
});
