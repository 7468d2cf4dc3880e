import { AI_MAX_EVENTS_PER_BATCH, AI_MAX_USERS_PER_RESOLVE } from '../../shared/domain/agent';
import { MAX_EVENTS_PER_CALL, MAX_IDEMPOTENCY_KEY_LENGTH } from '../../shared/domain/event';
import type { ProblemCode } from '../../shared/errors';
import { MAX_BODY_BYTES, MAX_EVENTS_BODY_BYTES } from './body-limits';

const KIB = 1024;
const MIB = 1024 * KIB;
const EVENTS_PER_CALL = MAX_EVENTS_PER_CALL.toLocaleString('en-US');

/** HTTP status and public texts of a problem code. */
interface ProblemText {
  status: number;
  /** Identical for every error with this code. */
  title: string;
  /** Detail for errors that do not set their own. Defaults to the title. */
  detail?: string;
  /** How to fix the problem. Shown in the Partner Guide and in the OpenAPI document. */
  remedy: string;
  /** Headers of every response with this code. */
  headers?: Record<string, string>;
}

/** Names the scheme that the caller can authenticate with (RFC 6750). */
const NO_TOKEN = { 'WWW-Authenticate': 'Bearer realm="MIR"' };
const INVALID_TOKEN = { 'WWW-Authenticate': 'Bearer realm="MIR", error="invalid_token"' };

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
  API_KEY_AMBIGUOUS: {
    status: 400,
    title: 'The request has two API keys',
    remedy:
      'Send your API key once: either in the `x-api-key` header or as `Authorization: Bearer <API key>`. A request with both headers is rejected, even if they contain the same key.',
  },
  API_KEY_MISSING: {
    status: 401,
    title: 'An API key is required',
    remedy: 'Send your API key in the `x-api-key` header or as `Authorization: Bearer <API key>`.',
    headers: NO_TOKEN,
  },
  API_KEY_INVALID: {
    status: 401,
    headers: INVALID_TOKEN,
    title: 'The API key is not valid',
    detail: 'This API key is not valid. Check that you copied the whole key. If you did, retrying will not help.',
    remedy:
      'Check that you copied the whole key. If you did, retrying will not help: ask the person who manages your API keys.',
  },
  API_KEY_EXPIRED: {
    status: 401,
    headers: INVALID_TOKEN,
    title: 'The API key has expired',
    detail: 'This API key has expired, or the overlap after its rotation has ended. Retrying will not help.',
    remedy:
      'Retrying will not help. If the key was rotated, use its replacement. Otherwise, ask the person who manages your API keys.',
  },
  ADMIN_TOKEN_INVALID: {
    status: 401,
    title: 'The admin token is not valid',
    remedy: 'Send the operator’s `ADMIN_TOKEN` in the `x-admin-token` header.',
  },
  FORM_REFUSED: {
    status: 403,
    title: 'The form was not accepted',
    remedy: 'Only web pages return this code. Reload the page, then submit the form again.',
  },
  SCOPE_MISSING: {
    status: 403,
    title: 'The API key lacks a required scope',
    remedy:
      'Use a key that has the scope named in `detail`: an agent’s scopes come from its preset, and those of a partner key are chosen when it is created.',
  },
  IP_NOT_ALLOWED: {
    status: 403,
    title: 'The API key may not be used from this address',
    detail: 'This API key may be used only from certain IP addresses, and your request came from another one.',
    remedy: 'Send the request from an address in the key’s `allowedIps`, or create a key that allows your address.',
  },
  AGENT_KEY_REVOKED: {
    status: 401,
    headers: INVALID_TOKEN,
    title: 'The agent has been revoked',
    detail: 'This agent or one of its ancestors has been permanently revoked. Stop using this key.',
    remedy:
      'Stop using the key. The agent or one of its ancestors has been permanently revoked, and retrying will not help. Contact the person responsible for the agent.',
  },
  AGENT_SUSPENDED: {
    status: 403,
    title: 'The agent is suspended',
    detail: 'This agent or one of its ancestors is suspended. The person who manages the agent can reactivate it.',
    remedy: 'Ask the person who manages the agent to reactivate it. Nothing was stored.',
  },
  EVENT_TYPE_NOT_ALLOWED: {
    status: 403,
    title: 'The API key may not submit this event type',
    remedy:
      'Add the event type to the allowlists of the agent and all its ancestors, or use a partner key that allows it.',
  },
  SPAWN_DISABLED: {
    status: 403,
    title: 'Spawning is disabled',
    remedy: 'Enable spawning with your partner key: `PUT /v1/agents/policy`.',
  },
  ESCALATION_DENIED: {
    status: 403,
    title: 'An agent cannot exceed its ancestors’ permissions',
    remedy: 'Reduce each field listed in `errors` to what the agent’s ancestors allow.',
  },
  NOT_YOUR_DESCENDANT: {
    status: 403,
    title: 'An agent can act only on its own descendants',
    remedy: 'Use your partner key, or the key of an ancestor of this agent.',
  },
  HUMAN_REQUIRED: {
    status: 403,
    title: 'The partner key is required',
    remedy: 'Use your partner key. Agents cannot do this.',
  },
  PARTNER_SUSPENDED: {
    status: 403,
    title: 'The partner is suspended',
    detail: 'The operator of this registry has suspended this partner. Contact the operator for details.',
    remedy: 'Contact the operator of the registry. Keep your events and submit them once the suspension is lifted.',
  },
  ENTERPRISE_REQUIRED: {
    status: 403,
    title: 'The ENTERPRISE plan is required',
    remedy: 'Ask the operator for the ENTERPRISE plan. Without it, you can still read, suspend and revoke agents.',
  },
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
    title: 'A limit of the spawn policy has been reached',
    remedy: 'Revoke agents that you no longer need, or use your partner key to raise the limit in the spawn policy.',
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
