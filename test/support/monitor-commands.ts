import { createInterface } from 'node:readline';
import type { Redis } from 'ioredis';

const MONITORING = '+OK';

/** Returns the words of a line that MONITOR reports. A byte becomes a character. */
function wordsOf(line: string): string[] {
  const decode = (word: string): string =>
    word.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex: string | undefined, char: string) =>
      hex === undefined ? (char === 'n' ? '\n' : char) : String.fromCodePoint(Number.parseInt(hex, 16)),
    );
  return Array.from(line.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, word]) => decode(word!));
}

/**
 * Calls `onCommand` with the words of every command that a server executes, until the returned connection disconnects.
 * `Redis.monitor()` cannot be used: it fails if the server reports a command together with its reply to MONITOR.
 */
export async function monitorCommands(
  server: Redis,
  onCommand: (words: string[]) => void,
): Promise<{ disconnect(): void }> {
  const connection = server.duplicate({ lazyConnect: true });
  await connection.connect();
  const { stream } = connection;
  stream.removeAllListeners('data');
  await new Promise<void>((resolve, reject) => {
    connection.once('close', () => reject(new Error('the server closed the connection')));
    createInterface({ input: stream }).on('line', (line) => {
      if (line === MONITORING) resolve();
      else onCommand(wordsOf(line));
    });
    stream.write('MONITOR\r\n');
  });
  return connection;
}
