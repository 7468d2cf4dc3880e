/** Removes the user name and password from a database URL. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//');
}
