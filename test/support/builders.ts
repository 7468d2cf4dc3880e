import type { SubmittedEvent } from '../../shared/domain/event';

/** Returns a valid event, as a partner submits it. */
export function anEvent(changes: Partial<SubmittedEvent> = {}): SubmittedEvent {
  return { userExternalId: 'u-1', eventType: 'mir.transaction.completed', ...changes };
}

/** Returns `count` valid events, each for a different user: `u-0`, `u-1`, … */
export function someEvents(count: number, changes: Partial<SubmittedEvent> = {}): SubmittedEvent[] {
  return Array.from({ length: count }, (_, n) => anEvent({ userExternalId: `u-${n}`, ...changes }));
}
