/**
 * Minimum length of the strings to redact. Shorter strings reveal little, and replacing them would make the message
 * unreadable.
 */
const MIN_LENGTH = 3;
const MAX_MESSAGE_LENGTH = 300;

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return [...Object.keys(value), ...Object.values(value).flatMap(textsOf)];
}

/**
 * Redacts event content that a database error message may quote: replaces keys and strings in the metadata with `…`,
 * and truncates the result.
 */
export function redactErrorMessage(message: string, metadata: Record<string, unknown> | null): string {
  const texts = textsOf(metadata).filter((text) => text.length >= MIN_LENGTH);
  texts.sort((a, b) => b.length - a.length);
  return texts.reduce((left, text) => left.replaceAll(text, '…'), message).slice(0, MAX_MESSAGE_LENGTH);
}
