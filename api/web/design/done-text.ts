/**
 * Returns the text for the value of `done` in a URL, or undefined if there is none. Pages never show text from their
 * URLs.
 */
export function doneText(texts: Readonly<Record<string, string>>, done: string | undefined): string | undefined {
  return done !== undefined && Object.hasOwn(texts, done) ? texts[done] : undefined;
}
