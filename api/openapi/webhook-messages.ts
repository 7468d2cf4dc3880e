import { z } from 'zod';
import { WEBHOOK_TEST_TYPE, type MessageType } from '../../shared/domain/webhook';
import { EXAMPLE_WEBHOOK_ID } from '../webhooks/webhook-schemas';

const time = z.iso.datetime();
const idOf = (example: string) => z.string().meta({ examples: [example] });

const AGENT_ID = idOf('agt_live_1f2e3d4c5b6a79880716253443526170');
const KEY_ID = idOf('key_9a8b7c6d5e4f30211203f4e5d6c7b8a9');
const CASCADE_ID = idOf('csc_0f1e2d3c4b5a69788796a5b4c3d2e1f0');

const LINK = {
  linkId: idOf('lnk_5d0c1f0a9b8e4c7d8a6f3e2b1c0d9e8f'),
  inviteId: idOf('inv_0a1b2c3d4e5f60718293a4b5c6d7e8f9').describe('The invitation or link code that created the link.'),
  userRef: z.string().describe('The `userRef` that MIR returned with the invitation or link code.'),
  linkedAt: time,
};

const IN_TREE = {
  agentId: AGENT_ID,
  parentId: AGENT_ID.nullable().describe('Null for a root agent.'),
  rootId: AGENT_ID,
};

interface WebhookMessage {
  operationId: string;
  summary: string;
  schema: z.ZodType;
}

/** Describes the messages of a type. `name` is the name of the schema, without its ending. */
function message(type: MessageType, name: string, summary: string, data: z.ZodRawShape): WebhookMessage {
  const content = z.strictObject(data).meta({ id: `${name}Data` });
  return {
    operationId: `${name[0]!.toLowerCase()}${name.slice(1)}`,
    summary,
    schema: z.strictObject({ type: z.literal(type), timestamp: time, data: content }).meta({ id: `${name}Message` }),
  };
}

const INCLUDE_DESCENDANTS = {
  includeDescendants: z.boolean().describe('Whether the change also applies to all descendants.'),
};

const ofAgent = (
  type: MessageType,
  name: string,
  summary: string,
  status: 'ACTIVE' | 'SUSPENDED' | 'REVOKED' | 'EXPIRED',
  more: z.ZodRawShape = {},
) => message(type, name, summary, { ...IN_TREE, status: z.literal(status), ...more });

/** Webhook messages by type. */
export const WEBHOOK_MESSAGES: Record<MessageType, WebhookMessage> = {
  'link.confirmed': message('link.confirmed', 'LinkConfirmed', 'A person connected their account', LINK),
  'link.removed': message('link.removed', 'LinkRemoved', 'A link was removed', {
    ...LINK,
    removedAt: time.describe('Rounded to the day if the MIR account was deleted.'),
    reason: z.enum(['UNLINKED', 'IDENTITY_DELETED', 'USER_ERASED']),
  }),
  'agent.approval_requested': message(
    'agent.approval_requested',
    'AgentApprovalRequested',
    'An agent that was spawned awaits approval',
    { approvalId: idOf('apr_2a3b4c5d6e7f80911029384756afbecd'), ...IN_TREE },
  ),
  'agent.suspended': ofAgent(
    'agent.suspended',
    'AgentSuspended',
    'An agent was suspended',
    'SUSPENDED',
    INCLUDE_DESCENDANTS,
  ),
  'agent.reactivated': ofAgent(
    'agent.reactivated',
    'AgentReactivated',
    'An agent was reactivated',
    'ACTIVE',
    INCLUDE_DESCENDANTS,
  ),
  'agent.revoked': ofAgent('agent.revoked', 'AgentRevoked', 'A single agent was revoked', 'REVOKED'),
  'agent.key.rotated': message('agent.key.rotated', 'AgentKeyRotated', 'The key of an agent was replaced', {
    ...IN_TREE,
    status: z.enum(['ACTIVE', 'SUSPENDED']),
  }),
  'agent.expired': ofAgent('agent.expired', 'AgentExpired', 'An agent expired or was idle for too long', 'EXPIRED'),
  'cascade.started': message('cascade.started', 'CascadeStarted', 'An agent and its descendants were killed', {
    cascadeId: CASCADE_ID,
    agentId: AGENT_ID,
    rootId: AGENT_ID,
  }),
  'cascade.closed': message('cascade.closed', 'CascadeClosed', 'Every key of a killed tree was deleted', {
    cascadeId: CASCADE_ID,
    agentId: AGENT_ID,
    revoked: z.int().describe('Number of revoked agents.'),
  }),
  'key.rotated': message('key.rotated', 'KeyRotated', 'The secret of an API key was replaced', {
    keyId: KEY_ID.describe('The key, or the new key if the operator replaced all keys of the environment.'),
    previousValidUntil: time.nullable().describe('Null if the previous secret no longer works.'),
  }),
  'key.revoked': message('key.revoked', 'KeyRevoked', 'An API key was revoked', {
    keyId: KEY_ID,
    revokedKeyIds: z
      .array(KEY_ID)
      .describe('Keys that no longer work. Empty if only one of several secrets of the key was revoked.'),
    cause: z.enum(['REQUESTED', 'LEAKED']).describe('`LEAKED` if someone who found the key reported it.'),
  }),
  'key.expiring': message('key.expiring', 'KeyExpiring', 'An API key expires in a week or in a day', {
    keyId: KEY_ID,
    expiresAt: time,
    daysLeft: z.union([z.literal(7), z.literal(1)]),
  }),
  'receipt.failed': message('receipt.failed', 'ReceiptFailed', 'Accepted events failed', {
    receiptIds: z
      .array(z.string())
      .describe('Receipts with the failed events, at most 100. Empty if the queued data could not be read.'),
    failed: z.int().nullable().describe('Number of failed events. Null if it is not known.'),
    codes: z.array(z.string()).meta({ examples: [['STORE_REFUSED']] }),
    receivedAt: time.nullable(),
  }),
  'erasure.requested': message('erasure.requested', 'ErasureRequested', 'The erasure of a user was requested', {
    receiptId: idOf('ers_live_3c4d5e6f708192a3b4c5d6e7f8091a2b'),
  }),
  'erasure.done': message('erasure.done', 'ErasureDone', 'All events of an erased user were deleted', {
    receiptId: idOf('ers_live_3c4d5e6f708192a3b4c5d6e7f8091a2b'),
    eventsErased: z.int(),
  }),
  'partner.suspended': message('partner.suspended', 'PartnerSuspended', 'The operator suspended your account', {
    partnerId: idOf('prt_abcdefghijkm'),
  }),
  [WEBHOOK_TEST_TYPE]: message(WEBHOOK_TEST_TYPE, 'WebhookTest', 'A test message that you requested', {
    webhookId: idOf(EXAMPLE_WEBHOOK_ID),
  }),
};
