/** Shorter texts tell nothing of anybody, and would turn the message into dots. */
const MIN_LENGTH = 3;
const MAX_MESSAGE_LENGTH = 300;

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return [...Object.keys(value), ...Object.values(value).flatMap(textsOf)];
}

/** A store's message without what it may quote of the content: names and texts of the metadata become dots. */
export function redactErrorMessage(message: string, metadata: Record<string, unknown> | null): string {
  const texts = textsOf(metadata).filter((text) => text.length >= MIN_LENGTH);
  texts.sort((a, b) => b.length - a.length);
  return texts.reduce((left, text) => left.replaceAll(text, '…'), message).slice(0, MAX_MESSAGE_LENGTH);
}
