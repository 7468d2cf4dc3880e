import { AI_MAX_EVENTS_PER_BATCH, AI_MAX_USERS_PER_RESOLVE } from '../../shared/domain/agent';
import { MAX_EVENTS_PER_CALL, MAX_IDEMPOTENCY_KEY_LENGTH } from '../../shared/domain/event';
import type { ProblemCode } from '../../shared/errors';
import { MAX_BODY_BYTES, MAX_EVENTS_BODY_BYTES } from './body-limits';

const KIB = 1024;
const MIB = 1024 * KIB;
const EVENTS_PER_CALL = MAX_EVENTS_PER_CALL.toLocaleString('en-US');

/** What callers learn of a code. */
interface ProblemText {
  status: number;
  /** The same for all problems of a code. */
  title: string;
  /** What happened, for errors without a detail of their own. Default: the title. */
  detail?: string;
  /** What to do about it: the Partner Guide and the OpenAPI document show it. */
  remedy: string;
}

/** HTTP status and public texts of every code, in the order of the Partner Guide. */
export const PROBLEMS: Record<ProblemCode, ProblemText> = {
  INVALID_JSON: {
    status: 400,
    title: 'The body is not valid JSON',
    remedy: 'Send valid JSON, nested at most 32 levels deep; `detail` says where it breaks.',
  },
  INVALID_ENCODING: {
    status: 400,
    title: 'The body cannot be decoded',
    remedy: 'Send UTF-8, and real gzip where `Content-Encoding: gzip` is set.',
  },
  IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    title: 'The idempotency key cannot be used',
    remedy: `Send 1–${MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters, bare or in quotes. In a batch each item has its own \`idempotencyKey\`; the header is for single writes. Header and field must not differ.`,
  },
  IDEMPOTENCY_KEY_REQUIRED: {
    status: 400,
    title: 'An idempotency key is required',
    remedy:
      'An AI agent sends an idempotency key with every write: header `Idempotency-Key`, or `idempotencyKey` in each event.',
  },
  INVALID_REQUEST: {
    status: 400,
    title: 'The request cannot be read',
    remedy: 'The path is not validly percent-encoded, or the body broke off. Encode the path, send it again.',
  },
  API_KEY_MISSING: {
    status: 401,
    title: 'An API key is required',
    remedy: 'Send your key in the header `x-api-key`.',
  },
  API_KEY_INVALID: {
    status: 401,
    title: 'The API key is not valid',
    detail: 'This API key is not valid. Check that it is complete; if it is, a retry with it cannot succeed.',
    remedy:
      'Check that the key is complete and correctly typed. If it is, a retry with it cannot succeed: ask a person who manages your keys.',
  },
  ADMIN_TOKEN_INVALID: {
    status: 401,
    title: 'The admin token is not valid',
    remedy: 'Send the operator’s ADMIN_TOKEN in the header `x-admin-token`.',
  },
  FORM_REFUSED: {
    status: 403,
    title: 'The form cannot be accepted',
    remedy: 'Only pages for people answer this: load the page again, then send its form.',
  },
  SCOPE_MISSING: {
    status: 403,
    title: 'The API key lacks a scope',
    remedy: 'Use a key whose preset has the scope that `detail` names. The partner’s own key has them all.',
  },
  AGENT_KEY_REVOKED: {
    status: 401,
    title: 'The agent was revoked',
    detail: 'This agent, or one above it, was revoked permanently. Stop using this key; no retry can succeed.',
    remedy:
      'Stop. The agent, or one above it, was revoked permanently, and no retry can succeed. Ask the person responsible for the agent.',
  },
  AGENT_SUSPENDED: {
    status: 403,
    title: 'The agent is suspended',
    detail: 'This agent, or one above it, is suspended. Its manager can reactivate it.',
    remedy: 'Ask the person who manages the agent to reactivate it. Nothing was stored.',
  },
  EVENT_TYPE_NOT_ALLOWED: {
    status: 403,
    title: 'The agent may not submit this event type',
    remedy: 'Add the type to the allowlist of the agent and of each one above it.',
  },
  SPAWN_DISABLED: {
    status: 403,
    title: 'Spawning is not enabled',
    remedy: 'Turn spawning on with `PUT /v1/agents/policy` and the partner’s own key.',
  },
  ESCALATION_DENIED: {
    status: 403,
    title: 'A child never has more than its parent',
    remedy: 'Ask for less: `errors` names each field that goes beyond the parent.',
  },
  NOT_YOUR_DESCENDANT: {
    status: 403,
    title: 'An agent acts on its own descendants only',
    remedy: 'Use the partner’s own key, or the key of an agent above this one.',
  },
  HUMAN_REQUIRED: {
    status: 403,
    title: 'This takes the partner’s own key',
    remedy: 'Use the partner’s own key; no agent may do this.',
  },
  PARTNER_SUSPENDED: {
    status: 403,
    title: 'The partner is suspended',
    detail: 'The operator of this registry suspended the partner. Ask them why.',
    remedy: 'Ask the operator of the registry. Keep your events and send them when the suspension has ended.',
  },
  ENTERPRISE_REQUIRED: {
    status: 403,
    title: 'The enterprise plan is required',
    remedy: 'Ask the operator for the plan ENTERPRISE. Reading, suspending and revoking agents still work.',
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    remedy: 'Check the path and the id. What belongs to another partner or environment answers the same.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    remedy: 'Use one of the methods in the header `Allow`.',
  },
  AGENT_REVOKED: {
    status: 409,
    title: 'The agent was revoked for good',
    remedy: 'Nothing: revoked is for good. Register or spawn a new agent.',
  },
  AGENT_STATE: {
    status: 409,
    title: 'The agent’s state does not allow this',
    remedy: 'Read the agent, then take a step that its `status` allows.',
  },
  POLICY_LIMIT: {
    status: 409,
    title: 'The spawn policy does not allow more',
    remedy: 'Revoke agents that are not needed, or widen the policy with the partner’s own key.',
  },
  CONFLICT: {
    status: 409,
    title: 'The state does not allow this',
    remedy: 'The resource has changed since you read it. Read it again, then decide whether to retry.',
  },
  TOO_MANY_LINK_REQUESTS: {
    status: 409,
    title: 'Too many open invites of one user',
    remedy: 'Use one of the invites that the user has already, or wait until they expire.',
  },
  RETURN_URL_NOT_ALLOWED: {
    status: 422,
    title: 'The return URL is not of a registered origin',
    remedy: 'Give a URL of an origin that is registered for you; the operator registers more (`allowedReturnOrigins`).',
  },
  WEBHOOK_URL_NOT_ALLOWED: {
    status: 422,
    title: 'The webhook URL cannot be used',
    remedy: 'Give an https URL without credentials and without a fragment.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    remedy: `Split the batch. ${MAX_EVENTS_BODY_BYTES / MIB} MiB is the limit of \`POST /v1/events\`, ${MAX_BODY_BYTES / KIB} KiB that of all others, counted after decompression.`,
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    remedy: 'Send `Content-Type: application/json` (for events also `application/x-ndjson`), UTF-8, plain or gzip.',
  },
  VALIDATION_FAILED: {
    status: 422,
    title: 'The input is not valid',
    remedy: 'Fix each field listed in `errors`. A retry of the same input cannot succeed.',
  },
  TOO_MANY_EVENTS: {
    status: 422,
    title: 'Too many events in one call',
    remedy: `Send at most ${EVENTS_PER_CALL} events in one call.`,
  },
  BULK_LIMIT_EXCEEDED: {
    status: 422,
    title: 'Too many at once for an AI agent',
    remedy: `An AI agent sends at most ${AI_MAX_EVENTS_PER_BATCH} events and resolves at most ${AI_MAX_USERS_PER_RESOLVE} users in one call. Split it.`,
  },
  PRESET_NOT_ALLOWED: {
    status: 422,
    title: 'This preset is not for AI agents',
    remedy: 'Take ORCHESTRATOR or less for an AI agent; ADMIN is for service accounts.',
  },
  ALLOWLIST_REQUIRED: {
    status: 422,
    title: 'An AI agent needs an explicit allowlist',
    remedy: 'Name the event types of an AI agent, at least as `mir.<category>.*`.',
  },
  BATCH_EXCEEDS_LIMIT: {
    status: 422,
    title: 'The batch can never fit the limit',
    remedy: 'Split the batch: it is larger than your limit of a whole minute and would never fit.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key was used for other content',
    remedy: 'Take a new key for new content. To repeat a submission, send the same content.',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    remedy: 'Wait as many seconds as `Retry-After` says, then send it again with the same idempotency key.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something went wrong on our side',
    detail: 'This is our fault. It was logged under the request id.',
    remedy: 'Send it again later with the same idempotency key. If it stays, tell the operator the `requestId`.',
  },
  OVERLOADED: {
    status: 503,
    title: 'Overloaded',
    remedy:
      'Wait as many seconds as `Retry-After` says, then send it again with the same idempotency key: it may have been stored.',
  },
  LINKING_UNAVAILABLE: {
    status: 503,
    title: 'People cannot link here',
    remedy:
      'Ask the operator: without a mail server (`SMTP_URL`) nobody can sign up, so no link can be confirmed. A retry does not help.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    title: 'A store is unavailable',
    detail: 'The database did not respond. Try again soon.',
    remedy: 'Wait as many seconds as `Retry-After` says and ask again.',
  },
};
