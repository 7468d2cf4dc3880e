import type { ProblemCode } from '../../shared/errors';

/** HTTP status and public texts of a problem code. */
export interface ProblemText {
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

/** Problems of callers who are not known, or may not do what they ask for. */
export const ACCESS_PROBLEMS = {
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
  SESSION_INVALID: {
    status: 401,
    headers: INVALID_TOKEN,
    title: 'The session is missing or has ended',
    detail: 'Send your session token as `Authorization: Bearer mir_session_…`. If the session has ended, log in again.',
    remedy:
      'Log in again with `POST /v1/staff/sessions`, and send the session token as `Authorization: Bearer mir_session_…`.',
  },
  LOG_IN_FAILED: {
    status: 401,
    headers: NO_TOKEN,
    title: 'The login failed',
    detail: 'No account has this email address and password, or the code is wrong. Check them and try again.',
    remedy:
      'Check the email address, the password and the code. If you forgot your password, request an email to set it.',
  },
  SECOND_FACTOR_REQUIRED: {
    status: 401,
    headers: NO_TOKEN,
    title: 'A code of the second factor is required',
    detail: 'The password is right. Send it again together with `code` from your authenticator app, or a backup code.',
    remedy: 'Send the request again, with the six digits of your authenticator app or an unused backup code as `code`.',
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
  RIGHT_MISSING: {
    status: 403,
    title: 'Your role does not allow this',
    remedy:
      'Only web pages for operators return this code. Ask an operator whose role has the right named in `detail`.',
  },
  SCOPE_MISSING: {
    status: 403,
    title: 'The API key lacks a required scope',
    remedy:
      'Use a key that has the scope named in `detail`: an agent’s scopes come from its preset, those of a partner key are chosen when it is created, and those of a member come from the role.',
  },
  IP_NOT_ALLOWED: {
    status: 403,
    title: 'The API key may not be used from this address',
    detail: 'This API key may be used only from certain IP addresses, and your request came from another one.',
    remedy: 'Send the request from an address in the key’s `allowedIps`, or create a key that allows your address.',
  },
  TOKEN_INACTIVE: {
    status: 403,
    title: 'The introspected token is not active',
    detail: 'No request with this token would be accepted. Reject the request that presented it.',
    remedy:
      'Only `POST /v1/introspect?rejectInactive=true` returns this code. Reject the request that presented the token.',
  },
  RECENT_LOG_IN_REQUIRED: {
    status: 403,
    title: 'A recent login is required',
    detail:
      'You logged in more than 15 minutes ago. Confirm your password with POST /v1/staff/sessions/confirm, then get a new access token.',
    remedy:
      'Only members get this code. Confirm your password with `POST /v1/staff/sessions/confirm`, get a new access token, and send the request again.',
  },
  AGENT_KEY_REVOKED: {
    status: 401,
    headers: INVALID_TOKEN,
    title: 'The agent has been revoked',
    detail: 'This agent or one of its ancestors has been permanently revoked. Stop using this key.',
    remedy:
      'Stop using the key. The agent or one of its ancestors has been permanently revoked, and retrying will not help. Contact the person responsible for the agent.',
  },
  AGENT_EXPIRED: {
    status: 401,
    headers: INVALID_TOKEN,
    title: 'The agent has expired',
    detail: 'This agent or one of its ancestors has expired, or was idle for too long. Stop using this key.',
    remedy:
      'Stop using the key. The lifetime of the agent or of one of its ancestors has ended, or it was idle for longer than its idle timeout. That is permanent, and retrying will not help. Contact the person responsible for the agent.',
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
  SECOND_PERSON_REQUIRED: {
    status: 403,
    title: 'A second person must approve the agent',
    remedy:
      'Let another member approve the agent, or a person who has a partner key of their own with the scope `agents:approve`. The member who created a key counts as the person who uses it.',
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
} as const satisfies Partial<Record<ProblemCode, ProblemText>>;
