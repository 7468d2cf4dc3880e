import { get, type IncomingMessage, type RequestListener } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { sendStream } from '../../../../api/http/send-stream';
import { createLog } from '../../../../shared/log';
import { listen } from '../../../../shared/process/listen';
import { waitUntil } from '../../../support/wait-until';

const PIECE = 'x'.repeat(64 * 1024);
/** More than the buffers of both ends of a loopback connection hold. */
const MORE_THAN_BUFFERS = 2_000;
/** So many looks at a source that is not read any more tell that it rests. */
const LOOKS_AT_REST = 30;

const servers: { close(): unknown; closeAllConnections(): void }[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** Begins to read an answer and reads no further. */
function begin(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject);
  });
}

/** A server that streams what the source makes, and rejects nothing: what `sendStream` throws is told. */
async function serve(source: () => AsyncGenerator<string>): Promise<{ url: string; thrown: () => unknown }> {
  let thrown: unknown = null;
  const answer: RequestListener = (_req, res) => {
    const streamed = { status: 200, mediaType: 'text/plain', stream: source() };
    sendStream(res, streamed, {}, { log: createLog('silent', 'test'), requestId: 'r' }).catch((error: unknown) => {
      thrown = error;
      res.writeHead(500).end();
    });
  };
  const { server, port } = await listen(answer, 0, 'PORT');
  servers.push(server);
  return { url: `http://127.0.0.1:${port}`, thrown: () => thrown };
}

describe('sendStream', () => {
  it('a stream is made no faster than it is read, and its source ends when the reader goes away', async () => {
    const source = { made: 0, ended: false };
    const { url } = await serve(async function* () {
      try {
        for (; source.made < MORE_THAN_BUFFERS; source.made += 1) yield PIECE;
      } finally {
        source.ended = true;
      }
    });
    const answer = await begin(url);
    let [seen, rested] = [-1, 0];
    await waitUntil('the source rests', () => {
      rested = source.made === seen ? rested + 1 : 0;
      seen = source.made;
      return rested === LOOKS_AT_REST;
    });
    expect(source).toEqual({ made: seen, ended: false });
    expect(seen).toBeLessThan(MORE_THAN_BUFFERS);
    answer.destroy();
    await waitUntil('the source ends', () => source.ended);
  });

  it('a source that fails on the way cuts the answer: nobody takes a part for the whole', async () => {
    const { url, thrown } = await serve(async function* () {
      yield PIECE;
      throw new Error('the store went away');
    });
    const answer = await begin(url);
    expect(answer.statusCode).toBe(200);
    answer.resume();
    const ended = await new Promise((resolve) => {
      answer.once('end', () => resolve('in good order')).once('error', () => resolve('cut'));
    });
    expect(ended).toBe('cut');
    expect(thrown()).toBeNull();
  });

  it('a source that fails before its first piece is an error like any other', async () => {
    // oxlint-disable-next-line require-yield -- it fails before it can
    const { url, thrown } = await serve(async function* () {
      throw new Error('the store is away');
    });
    expect((await begin(url)).statusCode).toBe(500);
    expect(thrown()).toMatchObject({ message: 'the store is away' });
  });
});
