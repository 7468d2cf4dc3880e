/** Where operators see kills of all partners. */
export const KILLS = '/console/kills';

/** The permanent address of the report of a kill. */
export function killPath(cascadeId: string): string {
  return `${KILLS}/${encodeURIComponent(cascadeId)}`;
}
