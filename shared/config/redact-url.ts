/** Removes user and password from a store's URL. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//');
}
