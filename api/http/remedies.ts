import { AI_MAX_EVENTS_PER_BATCH, AI_MAX_USERS_PER_RESOLVE } from '../../shared/domain/agent';
import { MAX_EVENTS_PER_CALL, MAX_IDEMPOTENCY_KEY_LENGTH } from '../../shared/domain/event';
import type { ProblemCode } from '../../shared/errors';
import { MAX_BODY_BYTES, MAX_EVENTS_BODY_BYTES } from './read-body';

const KIB = 1024;
const MIB = 1024 * KIB;
const EVENTS_PER_CALL = MAX_EVENTS_PER_CALL.toLocaleString('en-US');

/** What a caller does about each problem: the Partner Guide and the OpenAPI document show these texts. */
export const REMEDIES: Record<ProblemCode, string> = {
  INVALID_JSON: 'Send valid JSON, nested at most 32 levels deep; `detail` says where it breaks.',
  INVALID_ENCODING: 'Send UTF-8, and real gzip where `Content-Encoding: gzip` is set.',
  IDEMPOTENCY_KEY_INVALID: `Send 1–${MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters, bare or in quotes. In a batch each item has its own \`idempotencyKey\`; the header is for single writes. Header and field must not differ.`,
  IDEMPOTENCY_KEY_REQUIRED:
    'An AI agent sends an idempotency key with every write: header `Idempotency-Key`, or `idempotencyKey` in each event.',
  INVALID_REQUEST: 'The path is not validly percent-encoded, or the body broke off. Encode the path, send it again.',
  API_KEY_MISSING: 'Send your key in the header `x-api-key`.',
  API_KEY_INVALID:
    'Check that the key is complete and correctly typed. If it is, a retry with it cannot succeed: ask a person who manages your keys.',
  ADMIN_TOKEN_INVALID: 'Send the operator’s ADMIN_TOKEN in the header `x-admin-token`.',
  FORM_REFUSED: 'Only pages for people answer this: load the page again, then send its form.',
  SCOPE_MISSING: 'Use a key whose preset has the scope that `detail` names. The partner’s own key has them all.',
  AGENT_KEY_REVOKED:
    'Stop. The agent, or one above it, was revoked permanently, and no retry can succeed. Ask the person responsible for the agent.',
  AGENT_SUSPENDED: 'Wait and ask whoever manages the agent; it can be reactivated. Nothing was stored meanwhile.',
  EVENT_TYPE_NOT_ALLOWED: 'Add the type to the allowlist of the agent and of each one above it.',
  SPAWN_DISABLED: 'Turn spawning on with `PUT /v1/agents/policy` and the partner’s own key.',
  ESCALATION_DENIED: 'Ask for less: `errors` names each field that goes beyond the parent.',
  NOT_YOUR_DESCENDANT: 'Use the partner’s own key, or the key of an agent above this one.',
  HUMAN_REQUIRED: 'Use the partner’s own key; no agent may do this.',
  PARTNER_SUSPENDED: 'Ask the operator of the registry. Keep your events and send them when the suspension has ended.',
  ENTERPRISE_REQUIRED: 'Ask the operator for the plan ENTERPRISE. Reading, suspending and revoking agents still work.',
  NOT_FOUND: 'Check the path and the id. What belongs to another partner or environment answers the same.',
  METHOD_NOT_ALLOWED: 'Use one of the methods in the header `Allow`.',
  AGENT_REVOKED: 'Nothing: revoked is for good. Register or spawn a new agent.',
  AGENT_STATE: 'Read the agent, then take a step that its `status` allows.',
  POLICY_LIMIT: 'Revoke agents that are not needed, or widen the policy with the partner’s own key.',
  CONFLICT: 'Read the thing again: somebody changed it in the meantime. Then decide again.',
  BODY_TOO_LARGE: `Split the batch. ${MAX_EVENTS_BODY_BYTES / MIB} MiB is the limit of \`POST /v1/events\`, ${MAX_BODY_BYTES / KIB} KiB that of all others, counted after decompression.`,
  UNSUPPORTED_MEDIA_TYPE:
    'Send `Content-Type: application/json` (for events also `application/x-ndjson`), UTF-8, plain or gzip.',
  VALIDATION_FAILED: 'Fix each field listed in `errors`. A retry of the same input cannot succeed.',
  TOO_MANY_EVENTS: `Send at most ${EVENTS_PER_CALL} events in one call.`,
  BULK_LIMIT_EXCEEDED: `An AI agent sends at most ${AI_MAX_EVENTS_PER_BATCH} events and resolves at most ${AI_MAX_USERS_PER_RESOLVE} users in one call. Split it.`,
  PRESET_NOT_ALLOWED: 'Take ORCHESTRATOR or less for an AI agent; ADMIN is for service accounts.',
  ALLOWLIST_REQUIRED: 'Name the event types of an AI agent, at least as `mir.<category>.*`.',
  TOO_MANY_LINK_REQUESTS: 'Use one of the invites that the user has already, or wait until they expire.',
  RETURN_URL_NOT_ALLOWED:
    'Give a URL of an origin that is registered for you; the operator registers more (`allowedReturnOrigins`).',
  WEBHOOK_URL_NOT_ALLOWED: 'Give an https URL without credentials and without a fragment.',
  BATCH_EXCEEDS_LIMIT: 'Split the batch: it is larger than your limit of a whole minute and would never fit.',
  IDEMPOTENCY_KEY_REUSED: 'Take a new key for new content. To repeat a submission, send the same content.',
  RATE_LIMITED: 'Wait as many seconds as `Retry-After` says, then send it again with the same idempotency key.',
  INTERNAL: 'Send it again later with the same idempotency key. If it stays, tell the operator the `requestId`.',
  OVERLOADED:
    'Wait as many seconds as `Retry-After` says, then send it again with the same idempotency key: it may have been stored.',
  LINKING_UNAVAILABLE:
    'Ask the operator: without a mail server (`SMTP_URL`) nobody can sign up, so no link can be confirmed. A retry does not help.',
  STORE_UNAVAILABLE: 'Wait as many seconds as `Retry-After` says and ask again.',
};
