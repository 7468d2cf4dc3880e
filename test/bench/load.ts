import autocannon from 'autocannon';

const CONNECTIONS = 64;

/** Requests a second that a route answers with 2xx, from 64 connections; fails when it answers anything else. */
export async function requestsPerSecond(options: {
  url: string;
  headers?: Record<string, string>;
  bodies: string[];
  seconds: number;
  connections?: number;
}): Promise<number> {
  const { url, headers = {}, bodies, seconds, connections = CONNECTIONS } = options;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: bodies.map((body) => ({
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })),
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} answers were not 2xx, ${result.errors} errors`);
  }
  return result.requests.average;
}
