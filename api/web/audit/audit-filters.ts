const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** An ID that MIR created. URLs must not contain a partner's ID of a user. */
const MIR_ID = /^[a-z]{2,4}_[\w.]{1,120}$/;

/** Maximum length of an ID in a filter. */
export const MAX_FILTER_ID_LENGTH = 130;

/** Returns whether a text is empty or an ID that MIR created. */
export function isMirIdOrEmpty(text: string): boolean {
  return text === '' || MIR_ID.test(text);
}

/** Returns whether a text is empty or a day, such as 2026-11-27. */
export function isDayOrEmpty(text: string): boolean {
  return text === '' || (DAY.test(text) && !Number.isNaN(Date.parse(text)));
}

/** Returns the time at which the day after this one begins, in UTC. */
export function endOfDay(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString();
}
