import { AI_MAX_EVENTS_PER_BATCH, AI_MAX_USERS_PER_RESOLVE } from '../../shared/domain/agent';
import { MAX_EVENTS_PER_CALL, MAX_IDEMPOTENCY_KEY_LENGTH } from '../../shared/domain/event';
import type { ProblemCode } from '../../shared/errors';
import { ACCESS_PROBLEMS, type ProblemText } from './access-problems';
import { MAX_BODY_BYTES, MAX_EVENTS_BODY_BYTES } from './body-limits';

const KIB = 1024;
const MIB = 1024 * KIB;
const EVENTS_PER_CALL = MAX_EVENTS_PER_CALL.toLocaleString('en-US');

/** HTTP status and public texts by code, in the order of the Partner Guide. */
export const PROBLEMS: Record<ProblemCode, ProblemText> = {
  INVALID_JSON: {
    status: 400,
    title: 'The request body is not valid JSON',
    remedy: 'Send valid JSON that is nested at most 32 levels deep. `detail` describes the problem.',
  },
  INVALID_ENCODING: {
    status: 400,
    title: 'The request body could not be decoded',
    remedy: 'Encode the body as UTF-8. If you set `Content-Encoding: gzip`, the body must be valid gzip.',
  },
  IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    title: 'The idempotency key is not valid',
    remedy: `Use 1–${MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters, bare or in double quotes. Use the header only for single writes; in a batch, set \`idempotencyKey\` on each event. If you send both the header and the field, they must match.`,
  },
  IDEMPOTENCY_KEY_REQUIRED: {
    status: 400,
    title: 'An idempotency key is required',
    remedy:
      'AI agents must send an idempotency key with every write, either in the `Idempotency-Key` header or as `idempotencyKey` in each event.',
  },
  INVALID_REQUEST: {
    status: 400,
    title: 'The request could not be read',
    remedy:
      'Either the path is not percent-encoded correctly or the body is incomplete. Fix the path or resend the complete body.',
  },
  ...ACCESS_PROBLEMS,
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    remedy: 'Check the path and the ID. Resources that belong to other partners or environments also return this code.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    remedy: 'Use one of the methods listed in the `Allow` header.',
  },
  AGENT_REVOKED: {
    status: 409,
    title: 'The agent is permanently revoked',
    remedy: 'Register or spawn a new agent. A revocation cannot be undone.',
  },
  AGENT_STATE: {
    status: 409,
    title: 'The agent’s status does not allow this action',
    remedy: 'Retrieve the agent, then take an action that its `status` allows.',
  },
  POLICY_LIMIT: {
    status: 409,
    title: 'The spawn policy does not allow this',
    remedy:
      'Fix each field listed in `errors`, or use your partner key to change the spawn policy. If there are too many agents, revoke those that you no longer need.',
  },
  APPROVAL_EXPIRED: {
    status: 409,
    title: 'The agent can no longer be approved',
    remedy:
      'Register or spawn a new agent, and have it approved in time. The policy’s `approval.expiresInSeconds` sets the time.',
  },
  LAST_ADMINISTRATOR: {
    status: 409,
    title: 'The last administrator must stay',
    detail: 'There is no other administrator. Make another member an administrator first.',
    remedy: 'Make another member an administrator, then try again.',
  },
  CONFLICT: {
    status: 409,
    title: 'The request conflicts with the resource’s current state',
    remedy: 'Retrieve the resource again, then decide whether to retry.',
  },
  TOO_MANY_LINK_REQUESTS: {
    status: 409,
    title: 'This user has too many open invitations',
    remedy: 'Use an invitation that is still open, or wait until one expires.',
  },
  RETURN_URL_NOT_ALLOWED: {
    status: 422,
    title: 'The origin of the return URL is not registered',
    remedy:
      'Use a URL with a registered origin. To register an origin, ask the operator to add it to `allowedReturnOrigins`.',
  },
  WEBHOOK_URL_NOT_ALLOWED: {
    status: 422,
    title: 'The webhook URL is not allowed',
    remedy: 'Use an HTTPS URL with a public address, without credentials or a fragment.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'The request body is too large',
    remedy: `Split the batch. The limit after decompression is ${MAX_EVENTS_BODY_BYTES / MIB} MiB for \`POST /v1/events\` and ${MAX_BODY_BYTES / KIB} KiB for all other routes.`,
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    remedy:
      'Send `Content-Type: application/json` (or `application/x-ndjson` for events), encoded as UTF-8 and optionally compressed with gzip.',
  },
  VALIDATION_FAILED: {
    status: 422,
    title: 'The request is not valid',
    remedy: 'Fix each field listed in `errors`. Retrying the same request will not help.',
  },
  TOO_MANY_EVENTS: {
    status: 422,
    title: 'Too many events in one request',
    remedy: `Send at most ${EVENTS_PER_CALL} events per request.`,
  },
  BULK_LIMIT_EXCEEDED: {
    status: 422,
    title: 'The request exceeds the batch limits for AI agents',
    remedy: `AI agents can send at most ${AI_MAX_EVENTS_PER_BATCH} events and resolve at most ${AI_MAX_USERS_PER_RESOLVE} users per request. Split the request.`,
  },
  PRESET_NOT_ALLOWED: {
    status: 422,
    title: 'AI agents cannot use this preset',
    remedy: 'Choose ORCHESTRATOR or a preset with fewer scopes. ADMIN is for service accounts.',
  },
  ALLOWLIST_REQUIRED: {
    status: 422,
    title: 'An AI agent needs an explicit allowlist',
    remedy: 'List the event types that the AI agent can submit. The broadest pattern allowed is `mir.<category>.*`.',
  },
  BATCH_EXCEEDS_LIMIT: {
    status: 422,
    title: 'The request costs more than your rate limit',
    remedy:
      'Split the batch, or ask for fewer users or rows. The request costs more than your budget for a full minute, so it can never be accepted.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key was already used with different content',
    remedy: 'Use a new idempotency key for different content. To retry a request, resend the original content.',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    remedy: 'Wait for the number of seconds in `Retry-After`, then retry with the same idempotency key.',
  },
  QUEUE_SHARE_EXCEEDED: {
    status: 429,
    title: 'Your share of the queue is full',
    detail: 'Too many of your events are still waiting to be stored. Nothing was stored. Retry later.',
    remedy:
      'Wait for the number of seconds in `Retry-After`, then retry. Send events only as fast as they are stored: `includesEventsThrough` in signals shows the progress.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something went wrong on our side',
    detail: 'An unexpected error occurred. We logged it under this request ID.',
    remedy: 'Retry later with the same idempotency key. If the error persists, send the `requestId` to the operator.',
  },
  OVERLOADED: {
    status: 503,
    title: 'The service is overloaded',
    remedy:
      'Wait for the number of seconds in `Retry-After`, then retry with the same idempotency key. Your request may already have been stored.',
  },
  LINKING_UNAVAILABLE: {
    status: 503,
    title: 'Linking is unavailable',
    remedy:
      'Ask the operator to configure a mail server (`SMTP_URL`). Without a mail server, people cannot sign up or confirm links. Retrying will not help.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    title: 'The database is unavailable',
    detail: 'The database did not respond. Try again in a few seconds.',
    remedy: 'Wait for the number of seconds in `Retry-After`, then retry.',
  },
};
