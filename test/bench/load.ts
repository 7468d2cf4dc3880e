import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { httpClient } from './http';

const CONNECTIONS = 64;

/**
 * Measures how many requests a route handles. Each connection starts with another body. Otherwise, all connections would
 * send the same body at the same time, and MIR would answer them with one read. Throws unless all responses are 2xx.
 */
export async function loadRoute(options: {
  url: string;
  headers?: Record<string, string>;
  bodies: string[];
  seconds: number;
  connections?: number;
}): Promise<{ perSecond: number; total: number }> {
  const { url, headers = {}, bodies, seconds, connections = CONNECTIONS } = options;
  const requests: autocannon.Request[] = bodies.map((body) => ({
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  }));
  let clients = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests,
    setupClient: (client) => {
      const first = Math.floor((clients * requests.length) / connections);
      clients += 1;
      client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
    },
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} responses were not 2xx, and ${result.errors} requests failed`);
  }
  return { perSecond: result.requests.average, total: result.requests.total };
}

interface Target {
  port: number;
  path: string;
  key: string;
  bodies: string[];
  seconds: number;
}

/** Returns a function that sends the nth request. It throws unless the response is 200. */
function sender({ port, path, key, bodies }: Target): { send: (n: number) => Promise<void>; close: () => void } {
  const client = httpClient(port, CONNECTIONS);
  const send = async (n: number): Promise<void> => {
    const { status } = await client.post(path, key, bodies[n % bodies.length]!);
    if (status !== 200) throw new Error(`${path} returned ${status}`);
  };
  return { send, close: () => client.close() };
}

/** Returns how many requests per second are answered if each connection always has one. */
export async function maximumRate(target: Target): Promise<number> {
  const { send, close } = sender(target);
  const endAtMs = performance.now() + target.seconds * 1_000;
  let sent = 0;
  const sendInTurn = async (): Promise<void> => {
    while (performance.now() < endAtMs) {
      sent += 1;
      await send(sent);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sendInTurn));
  close();
  return sent / target.seconds;
}

/**
 * Measures latencies in ms while requests are sent at even intervals, whether or not earlier ones have been answered.
 * Counts from the time at which a request was due. (autocannon would send the requests of each second at once.)
 */
export async function latenciesAtRate(target: Target & { perSecond: number }): Promise<number[]> {
  const { seconds, perSecond } = target;
  const { send, close } = sender(target);
  const latencies: number[] = [];
  const sendOne = async (n: number, dueAtMs: number): Promise<void> => {
    await send(n);
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
  close();
  return latencies;
}
