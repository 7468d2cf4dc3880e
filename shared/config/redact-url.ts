/** Removes the user name and passwords from a database URL. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//').replace(/([?&]sentinelPassword=)[^&]*/, '$1…');
}
