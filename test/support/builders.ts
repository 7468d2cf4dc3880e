import type { SubmittedEvent } from '../../shared/domain/event';

/** A valid event as a partner submits it. */
export function anEvent(changes: Partial<SubmittedEvent> = {}): SubmittedEvent {
  return { userExternalId: 'u-1', eventType: 'mir.transaction.completed', ...changes };
}
