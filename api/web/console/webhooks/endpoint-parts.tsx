import type { VNode } from 'preact';
import { MAX_OPEN_DELIVERIES } from '../../../../shared/domain/webhook';
import type { EndpointFailure, ListedEndpoint } from '../../../webhooks/list-endpoints';
import { boundedCountText } from '../../design/count-text';
import { RelativeTime, State } from '../../design/app-parts';

/** Where operators see webhook endpoints that need attention. */
export const WEBHOOKS = '/console/webhooks';

/** The alert MirWebhooksFailing counts endpoints that fail for this long. */
export const LONG_FAILING_MS = 15 * 60_000;

/** Where operators see an endpoint. */
export function endpointPath({
  partnerId,
  environment,
  webhookId,
}: Pick<ListedEndpoint, 'partnerId' | 'environment' | 'webhookId'>): string {
  return `${WEBHOOKS}/${partnerId}/${environment}/${webhookId}`;
}

const ERROR_WORDS: Readonly<Record<string, string>> = {
  HOST_NOT_FOUND: 'The name of the server was not found',
  CONNECTION_REFUSED: 'The server refused the connection',
  CONNECTION_CLOSED: 'The server closed the connection',
  CONNECTION_FAILED: 'No connection to the server',
  TLS_FAILED: 'The certificate of the server is not valid',
  TIMEOUT: 'No response in time',
  URL_NOT_ALLOWED: 'The name leads to an address that is not public',
};

/** Statuses that partners can act on, from the most specific range. */
const STATUS_WORDS: readonly (readonly [from: number, to: number, text: string])[] = [
  [401, 403, 'The server does not accept our messages'],
  [404, 404, 'The server does not know the address'],
  [410, 410, 'The address is gone'],
  [413, 413, 'The server rejects messages of this size'],
  [429, 429, 'The server limits how often it is called'],
  [300, 399, 'The server redirects; MIR does not follow'],
  [400, 499, 'The server rejects the message'],
  [500, 599, 'The server has an error of its own'],
];

/** Returns why an attempt failed, in words, with the code or status. */
export function failureText({ responseCode, error }: Pick<EndpointFailure, 'responseCode' | 'error'>): string {
  if (responseCode === null) return ERROR_WORDS[error ?? ''] ?? 'No response';
  const words = STATUS_WORDS.find(([from, to]) => responseCode >= from && responseCode <= to)?.[2];
  return `${words ?? 'Unexpected response'} (${responseCode})`;
}

/** The last failed attempt in words, and when it was. */
export function LastFailure({ failure }: { failure: EndpointFailure | null }): VNode {
  if (failure === null) return <span>Not among the newest messages</span>;
  return (
    <span>
      {failureText(failure)}, <RelativeTime at={failure.at} />
    </span>
  );
}

/** The state of an endpoint as a word with a shape. */
export function EndpointState({
  endpoint: { disabledAt, disabledReason, failingSince },
}: {
  endpoint: Pick<ListedEndpoint, 'disabledAt' | 'disabledReason' | 'failingSince'>;
}): VNode {
  if (disabledAt !== null) {
    return <State kind="ended">{disabledReason === 'REQUESTED' ? 'Disabled by the partner' : 'Disabled by MIR'}</State>;
  }
  return failingSince === null ? <State kind="active">Enabled</State> : <State kind="suspended">Failing</State>;
}

/** Returns the number of messages that wait for an endpoint. */
export function waitingText(waiting: number): string {
  return boundedCountText(waiting, MAX_OPEN_DELIVERIES);
}
