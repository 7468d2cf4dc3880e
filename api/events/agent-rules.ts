import type { Credential } from '../../shared/authz/credential';
import type { Admission } from '../../shared/authz/authorizer';
import { AI_MAX_EVENTS_PER_BATCH } from '../../shared/domain/agent';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import { allows } from '../../shared/domain/permissions';
import type { FieldError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import { coalesce, type Coalesced } from '../../shared/concurrency/coalesce';
import type { ApiContext } from '../context';
import { requireAgentPlan } from '../http/require-caller';
import { authorizeSubmission } from './charge-units';
import type { ValidatedEvent } from './validate-event';

const MAX_PER_TURN = 1_000;

/** Why an agent may not submit an event; the code is an item's in a batch, a problem's for a single event. */
export interface AgentRuleViolation extends FieldError {
  code: 'IDEMPOTENCY_KEY_REQUIRED' | 'EVENT_TYPE_NOT_ALLOWED';
}

/** Verdicts on event types, remembered with the credential they follow from: a changed right is another credential. */
const verdicts = new WeakMap<Credential, Map<string, boolean>>();

function mayType(credential: Credential, eventType: string): boolean {
  let known = verdicts.get(credential);
  if (!known) verdicts.set(credential, (known = new Map()));
  let verdict = known.get(eventType);
  if (verdict === undefined) {
    verdict = credential.allowlists.every((patterns) => allows(patterns, eventType));
    // Only types of the catalog come here, so the map stays small.
    known.set(eventType, verdict);
  }
  return verdict;
}

/** Why the credential's agent may not submit the event; null when it may. The partner's own key may submit anything. */
export function violationOf(credential: Credential, { keyedId, accepted }: ValidatedEvent): AgentRuleViolation | null {
  if (credential.agent === null) return null;
  if (credential.agent.type === 'AI_AGENT' && keyedId === null) {
    return {
      path: 'idempotencyKey',
      code: 'IDEMPOTENCY_KEY_REQUIRED',
      message: 'an AI agent sends one on every event',
    };
  }
  if (mayType(credential, accepted.eventType)) return null;
  const message = `this agent, or one above it, is not allowed ${accepted.eventType}`;
  return { path: 'eventType', code: 'EVENT_TYPE_NOT_ALLOWED', message };
}

const VIOLATION_TEXTS: Record<AgentRuleViolation['code'], string> = {
  IDEMPOTENCY_KEY_REQUIRED: 'An AI agent sends an idempotency key on every event, so that its repeats are harmless.',
  EVENT_TYPE_NOT_ALLOWED: 'Not on the allowlist of this agent, or of one above it.',
};

/** A refusal as the answer to a single event, or to a batch of which nothing is left. */
export function violationError(rejection: AgentRuleViolation): PublicError {
  return new PublicError(rejection.code, VIOLATION_TEXTS[rejection.code], { errors: [rejection] });
}

/** Throws when an AI agent sends more at once than it may. */
export function requireSmallBatch({ agent }: Credential, events: number): void {
  if (agent?.type !== 'AI_AGENT' || events <= AI_MAX_EVENTS_PER_BATCH) return;
  throw new PublicError(
    'BULK_LIMIT_EXCEEDED',
    `An AI agent sends at most ${AI_MAX_EVENTS_PER_BATCH} events a batch; this one has ${events}.`,
  );
}

/** Authorizes a key before its input is read. Requests of one turn of the event loop share the round trip. */
export function createAuthorizeFirst(deps: Pick<ApiContext, 'authorizer'>): (key: ParsedApiKey) => Promise<Admission> {
  const authorizeGroup = async (group: Coalesced<ParsedApiKey, Admission>[]): Promise<void> => {
    const admission = await authorizeSubmission(deps, group[0]!.item, []);
    requireAgentPlan(admission.credential);
    group.forEach(({ resolve }) => resolve(admission));
  };
  return coalesce(authorizeGroup, { maxItems: MAX_PER_TURN, keyOf: ({ hash }) => hash });
}
