import { newApiKey } from '../../shared/domain/api-key';
import { newId, type PartnerId, tagOf } from '../../shared/domain/ids';
import type { PartnerKey } from '../../shared/store/partners';
import { changeKeys, requireRoom } from '../../api/keys/change-keys';
import { auditedKey } from '../../api/keys/key-schemas';
import { revokeKeys } from '../../api/keys/revoke-key';
import type { AuditContext } from '../../api/db/audit-context';
import { createPartner } from '../../api/partners/create-partner';
import { readPartner } from '../../api/partners/get-partner';
import { applyPartnerPatch } from '../../api/partners/update-partner';
import { DRILL_REASON } from './drill-tree';
import type { CliContext } from './open';

const ENV = 'test';
/** If the drill dies before it revokes the key that it created, the key expires. */
const KEY_LIFETIME_MS = 3_600_000;
/** High enough that the traffic of a drill is never limited. */
const REQUESTS_PER_MINUTE = 1_000_000;

/** The partner in whose test environment a drill runs. */
export interface DrillPartner {
  partnerId: PartnerId;
  /** Key of the test environment, in plaintext. */
  apiKey: string;
  /** Makes the keys that the drill created unusable. Safe to repeat. */
  close(): Promise<void>;
}

/** Creates a partner for one drill. Closing it suspends it. */
async function ownPartner(ctx: CliContext, auditContext: AuditContext): Promise<DrillPartner> {
  const started = auditContext.at.toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length).replace('T', ' ');
  const who = {
    name: `Kill drill ${started}`,
    website: 'https://kill-drill.invalid',
    contactEmail: 'kill-drill@mir.invalid',
    useCase: 'Created by mir kill-drill, which suspends it at the end.',
  };
  const terms = { plan: 'ENTERPRISE', limits: { requestsPerMinute: REQUESTS_PER_MINUTE } } as const;
  const { partnerId, testApiKey } = await createPartner(ctx, who, terms, auditContext);
  const suspension = { suspended: true, reason: DRILL_REASON };
  return {
    partnerId,
    apiKey: testApiKey,
    close: async () => {
      await applyPartnerPatch(ctx, partnerId, suspension, { ...auditContext, at: new Date() });
    },
  };
}

/** Creates a key in the test environment of an existing partner. Closing it revokes the key. */
async function existingPartner(ctx: CliContext, auditContext: AuditContext, id: string): Promise<DrillPartner> {
  const { _id: partnerId, plan, suspended } = await readPartner(ctx, id);
  if (plan !== 'ENTERPRISE') throw new Error(`${partnerId} is not on the ENTERPRISE plan, so it cannot have agents`);
  if (suspended) throw new Error(`${partnerId} is suspended, so MIR rejects its agents before any kill`);
  const { at } = auditContext;
  const { key: apiKey, hash, prefix } = newApiKey(ENV, tagOf(partnerId));
  const entry: PartnerKey = {
    id: newId('key'),
    name: DRILL_REASON,
    env: ENV,
    hash,
    prefix,
    createdAt: at,
    creators: [],
    scopes: ['agents:manage', 'agents:manage-all', 'agents:introspect'],
    expiresAt: new Date(at.getTime() + KEY_LIFETIME_MS),
  };
  await changeKeys(ctx, partnerId, auditContext, (before) => {
    const keys = [...before.keys, entry];
    requireRoom(keys, ENV, at);
    const key = { env: ENV, target: entry.id!, before: null, after: auditedKey(entry) } as const;
    return { keys, action: 'key.created', reason: DRILL_REASON, key };
  });
  return {
    partnerId,
    apiKey,
    close: async () => {
      await revokeKeys(
        ctx,
        partnerId,
        { ...auditContext, at: new Date() },
        {
          env: ENV,
          choose: ({ keys }) => keys.filter(({ id: keyId }) => keyId === entry.id),
          includeCreated: false,
          reason: DRILL_REASON,
          cause: 'REQUESTED',
        },
      );
    },
  };
}

/** Opens the partner of a drill: an existing one, or a new one if `partnerId` is null. */
export function openDrillPartner(
  ctx: CliContext,
  auditContext: AuditContext,
  partnerId: string | null,
): Promise<DrillPartner> {
  return partnerId === null ? ownPartner(ctx, auditContext) : existingPartner(ctx, auditContext, partnerId);
}
