import type { Credential } from '../../shared/authz/credential';
import type { Admission } from '../../shared/authz/authorizer';
import { AI_MAX_EVENTS_PER_BATCH } from '../../shared/domain/agent';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { allows } from '../../shared/domain/permissions';
import type { CountedRequest } from '../../shared/domain/usage';
import type { FieldError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import { coalesce, type Coalesced } from '../../shared/concurrency/coalesce';
import type { ApiContext } from '../context';
import { requireAgentPlan, requireAllowedIp } from '../http/require-caller';
import { authorizeSubmission } from './charge-units';
import type { ValidatedEvent } from './validate-event';

const MAX_COALESCED_CALLS = 1_000;

/**
 * An agent rule that an event violates. In a batch, `code` is the item's error code; for a single event, it is the
 * problem code.
 */
export interface AgentRuleViolation extends FieldError {
  code: 'IDEMPOTENCY_KEY_REQUIRED' | 'EVENT_TYPE_NOT_ALLOWED';
}

/**
 * Allowlist decisions by credential and event type. Entries never go stale, because changing an agent's rights creates
 * a new credential.
 */
const decisions = new WeakMap<Credential, Map<string, boolean>>();

function maySubmitType(credential: Credential, eventType: string): boolean {
  if (credential.allowlists.length === 0) return true;
  let known = decisions.get(credential);
  if (!known) decisions.set(credential, (known = new Map()));
  let isAllowed = known.get(eventType);
  if (isAllowed === undefined) {
    isAllowed = credential.allowlists.every((patterns) => allows(patterns, eventType));
    // Only event types from the catalog are checked, so the map stays small.
    known.set(eventType, isAllowed);
  }
  return isAllowed;
}

/** Returns the rule that the event violates, or null if the credential may submit it. */
export function violationOf(credential: Credential, { keyedId, accepted }: ValidatedEvent): AgentRuleViolation | null {
  if (credential.agent?.type === 'AI_AGENT' && keyedId === null) {
    return {
      path: 'idempotencyKey',
      code: 'IDEMPOTENCY_KEY_REQUIRED',
      message: 'Required on every event that an AI agent submits.',
    };
  }
  if (maySubmitType(credential, accepted.eventType)) return null;
  const lists = credential.agent ? 'allowlists of this agent and all its ancestors' : 'allowlist of this key';
  const message = `${accepted.eventType} must be on the ${lists}.`;
  return { path: 'eventType', code: 'EVENT_TYPE_NOT_ALLOWED', message };
}

const VIOLATION_TEXTS: Record<AgentRuleViolation['code'], string> = {
  IDEMPOTENCY_KEY_REQUIRED:
    'An AI agent must set an idempotency key on every event, so that a retry does not store the event twice.',
  EVENT_TYPE_NOT_ALLOWED:
    'This event type must be on the allowlist of the key, or of the agent and all its ancestors. Ask the person who manages the key to add it.',
};

/** Converts a violation to the error for a single event. */
export function violationError(violation: AgentRuleViolation): PublicError {
  return new PublicError(violation.code, VIOLATION_TEXTS[violation.code], { errors: [violation] });
}

/** Throws 403 if the key may not submit any event: because of the client's address, or of the partner's plan. */
export function requireSubmitter(credential: Credential, key: PresentedKey): void {
  requireAllowedIp(credential, key);
  requireAgentPlan(credential);
}

/** Returns whether the rules restrict what a credential may submit. */
export function isRestricted({ agent, allowlists, allowedIps }: Credential): boolean {
  return agent !== null || allowlists.length > 0 || allowedIps !== undefined;
}

/** Throws 422 if an AI agent submits more than `AI_MAX_EVENTS_PER_BATCH` events at once. */
export function requireSmallBatch({ agent }: Credential, events: number): void {
  if (agent?.type !== 'AI_AGENT' || events <= AI_MAX_EVENTS_PER_BATCH) return;
  throw new PublicError(
    'BULK_LIMIT_EXCEEDED',
    `An AI agent may submit at most ${AI_MAX_EVENTS_PER_BATCH} events per batch. This batch contains ${events} events. Split it.`,
  );
}

/**
 * Returns a function that authorizes a key before the request body is read, without charging its budget. Calls with the
 * same key in one event-loop tick share a round trip.
 */
export function createAuthorizeFirst(
  deps: Pick<ApiContext, 'authorizer'>,
): (key: PresentedKey, counted: CountedRequest) => Promise<Admission> {
  type Request = { key: PresentedKey; counted: CountedRequest };
  const authorizeGroup = async (group: Coalesced<Request, Admission>[]): Promise<void> => {
    const requests = group.map(({ item }) => item.counted);
    const admission = await authorizeSubmission(deps, group[0]!.item.key, [], requests);
    for (const { item, resolve, reject } of group) {
      try {
        requireSubmitter(admission.credential, item.key);
        resolve(admission);
      } catch (error) {
        reject(error);
      }
    }
  };
  const authorize = coalesce(authorizeGroup, { maxItems: MAX_COALESCED_CALLS, keyOf: ({ key }) => key.hash });
  return (key, counted) => authorize({ key, counted });
}
