import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const PROBE_TIMEOUT_MS = 1_000;
const POLL_MS = 20;

/** Asks until the server answers PONG; LOADING and a closed port mean not yet. */
export async function untilRedisServes(port: number, signal: AbortSignal): Promise<void> {
  while ((await ping(port)) !== '+PONG') await delay(POLL_MS, undefined, { signal });
}

function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const finish = (answer: string): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(''));
    socket.once('error', () => finish(''));
    socket.once('data', (data) => finish(data.toString().trim()));
    socket.once('close', () => resolve(''));
  });
}
