import type { VNode } from 'preact';
import type { PresentedWebhook } from '../../webhooks/webhook-schemas';
import { State } from '../design/app-parts';

/** The state of a webhook endpoint. */
export function WebhookState({
  webhook: { enabled, failingSince },
}: {
  webhook: Pick<PresentedWebhook, 'enabled' | 'failingSince'>;
}): VNode {
  if (!enabled) return <State kind="ended">Disabled</State>;
  if (failingSince === null) return <State kind="active">Enabled</State>;
  return <State kind="suspended">Failing</State>;
}
