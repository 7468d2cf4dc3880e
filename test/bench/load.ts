import autocannon from 'autocannon';

const CONNECTIONS = 64;

/**
 * Measures how many requests a route handles, and how long it takes to respond. With `rate`, sends that many requests per
 * second. Throws unless all responses are 2xx.
 */
export async function loadRoute(options: {
  url: string;
  headers?: Record<string, string>;
  bodies: string[];
  seconds: number;
  connections?: number;
  rate?: number;
}): Promise<{ perSecond: number; total: number; p99Ms: number }> {
  const { url, headers = {}, bodies, seconds, connections = CONNECTIONS, rate } = options;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(rate === undefined ? {} : { overallRate: rate }),
    requests: bodies.map((body) => ({
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })),
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} responses were not 2xx, and ${result.errors} requests failed`);
  }
  return { perSecond: result.requests.average, total: result.requests.total, p99Ms: result.latency.p99 };
}
