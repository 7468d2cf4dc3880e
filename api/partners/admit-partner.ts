import { newApiKey } from '../../shared/domain/api-key';
import { type Env, newId, newPartnerTag, type PartnerId, partnerIdOf } from '../../shared/domain/ids';
import { MirError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { ApplicationDoc } from '../../shared/store/applications';
import { classifyStoreError } from '../../shared/store/errors';
import type { PartnerDoc, PartnerKey } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { mergeLimits, type TermsInput } from './input-schemas';
import { auditedFacts, type IssuedKeys } from './present-partner';

const MAX_TAG_ATTEMPTS = 5;

/** Name of a key that an operator issues. It has all scopes. */
export const FIRST_KEY_NAME = 'First key';

/** `newTag` lets tests force collisions of partner tags. */
export type AdmitDeps = Pick<ApiContext, 'store' | 'config'> & { newTag?: () => string };

/** What an admission stores in its transaction, besides the partner. Repeated if the transaction is. */
interface AdmitSteps {
  /** Stores the application. */
  approve: (partnerId: PartnerId, session: StoreSession) => Promise<ApplicationDoc>;
  /** Runs once the partner is stored. */
  welcome?: (partner: PartnerDoc, session: StoreSession) => Promise<void>;
  /** False if no one gets the returned keys, which then are not stored and never work. */
  issueKeys?: boolean;
}

/**
 * Creates a partner from an application. One transaction stores the application (`approve`), the partner with one key
 * per environment, and the audit entries. Returns the keys, of which only hashes are stored. If the partner tag is in
 * use, retries with another tag.
 */
export async function admitPartner(
  { store, config, newTag = newPartnerTag }: AdmitDeps,
  terms: TermsInput,
  auditContext: AuditContext,
  { approve, welcome, issueKeys = true }: AdmitSteps,
): Promise<IssuedKeys> {
  for (let attempt = 1; attempt <= MAX_TAG_ATTEMPTS; attempt += 1) {
    const tag = newTag();
    const partnerId = partnerIdOf(tag);
    const live = newApiKey('live', tag);
    const test = newApiKey('test', tag);
    const firstKey = (env: Env, { hash, prefix }: ReturnType<typeof newApiKey>): PartnerKey => ({
      id: newId('key'),
      name: FIRST_KEY_NAME,
      env,
      hash,
      prefix,
      createdAt: auditContext.at,
    });
    const admit = async (session: StoreSession): Promise<void> => {
      const application = await approve(partnerId, session);
      const { name, website, contactEmail } = application;
      const partner: PartnerDoc = {
        _id: partnerId,
        name,
        website,
        contactEmail,
        plan: terms.plan,
        limits: mergeLimits(config.defaultLimits, terms.limits),
        suspended: false,
        allowedReturnOrigins: terms.allowedReturnOrigins ?? [],
        keys: issueKeys ? [firstKey('live', live), firstKey('test', test)] : [],
        createdAt: auditContext.at,
        updatedAt: auditContext.at,
      };
      await store.partners.insert(partner, session);
      const approved = {
        partnerId,
        action: 'application.approved',
        target: application._id,
        after: { status: 'APPROVED' },
      };
      await store.audit.append(auditEntry(auditContext, approved), session);
      const created = { partnerId, action: 'partner.created', target: partnerId, after: auditedFacts(partner) };
      await store.audit.append(auditEntry(auditContext, created), session);
      await welcome?.(partner, session);
    };
    try {
      await transaction({ store }, admit);
      return { partnerId, liveApiKey: live.key, testApiKey: test.key };
    } catch (error) {
      const tagTaken = !(error instanceof MirError) && classifyStoreError(error) === 'duplicate';
      if (!tagTaken) throw error;
    }
  }
  throw new PublicError('INTERNAL', 'Could not generate a unique partner ID. Nothing was changed; retry the request.');
}
