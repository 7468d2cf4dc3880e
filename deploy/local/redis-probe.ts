import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const PROBE_TIMEOUT_MS = 1_000;
const POLL_MS = 20;

/** Pings until the server replies PONG. Treats LOADING and a closed port as not ready. */
export async function untilRedisServes(port: number, signal: AbortSignal): Promise<void> {
  while ((await ping(port)) !== '+PONG') await delay(POLL_MS, undefined, { signal });
}

function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const finish = (reply: string): void => {
      socket.destroy();
      resolve(reply);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(''));
    socket.once('error', () => finish(''));
    socket.once('data', (data) => finish(data.toString().trim()));
    socket.once('close', () => resolve(''));
  });
}
