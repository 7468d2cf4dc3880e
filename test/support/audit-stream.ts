/** Keeps requests to routes that wait for something new from waiting, by path. */
export const WITHOUT_WAITING: Record<string, string> = { '/audit/stream': '?waitSeconds=0' };

/** A line of an audit stream. */
export interface StreamLine {
  type: 'entry' | 'head';
  cursor: string;
  entry: { auditId: string; seq: number; target: string; hash: string; previousHash: string } & Record<string, unknown>;
  head: { chain: string; seq: number; hash: string; sealedThrough: string; signedAt: string };
  signature: string;
}

/** Reads one response of an audit stream. */
export async function readAuditStream(
  url: string,
  key: string,
  query = '?waitSeconds=0',
): Promise<{ text: string; lines: StreamLine[] }> {
  const response = await fetch(`${url}/v1/audit/stream${query}`, { headers: { 'x-api-key': key } });
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  const lines = text.split('\n').slice(0, -1);
  return { text, lines: lines.map((line) => JSON.parse(line) as StreamLine) };
}
