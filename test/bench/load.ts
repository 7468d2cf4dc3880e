import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { httpClient } from './http';

const CONNECTIONS = 64;

/** Measures how many requests a route handles. Throws unless all responses are 2xx. */
export async function loadRoute(options: {
  url: string;
  headers?: Record<string, string>;
  bodies: string[];
  seconds: number;
  connections?: number;
}): Promise<{ perSecond: number; total: number }> {
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
    throw new Error(`${url}: ${result.non2xx} responses were not 2xx, and ${result.errors} requests failed`);
  }
  return { perSecond: result.requests.average, total: result.requests.total };
}

/**
 * Measures latencies in ms while requests are sent at even intervals, whether or not earlier ones have been answered.
 * Counts from the time at which a request was due. (autocannon would send the requests of each second at once.)
 */
export async function latenciesAtRate(options: {
  port: number;
  path: string;
  key: string;
  bodies: string[];
  seconds: number;
  perSecond: number;
}): Promise<number[]> {
  const { port, path, key, bodies, seconds, perSecond } = options;
  const client = httpClient(port, CONNECTIONS);
  const latencies: number[] = [];
  const sendOne = async (n: number, dueAtMs: number): Promise<void> => {
    const { status } = await client.post(path, key, bodies[n % bodies.length]!);
    if (status !== 200) throw new Error(`${path} returned ${status}`);
    latencies.push(performance.now() - dueAtMs);
  };
  const sent: Promise<void>[] = [];
  const startedAtMs = performance.now();
  while (sent.length < seconds * perSecond) {
    const due = ((performance.now() - startedAtMs) / 1_000) * perSecond;
    while (sent.length < due) sent.push(sendOne(sent.length, startedAtMs + (sent.length / perSecond) * 1_000));
    await delay(1);
  }
  await Promise.all(sent);
  client.close();
  return latencies;
}
