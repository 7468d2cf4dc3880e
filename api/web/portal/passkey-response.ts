/** Returns the browser's response that our script has put into a form, or null if there is none. */
export function passkeyResponse(field: string | undefined): unknown {
  try {
    return JSON.parse(field ?? '');
  } catch {
    return null;
  }
}
