/** A store's URL without its user and password, fit for messages. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//');
}
