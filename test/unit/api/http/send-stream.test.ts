import { get, type IncomingMessage, type RequestListener } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { sendStream } from '../../../../api/http/send-stream';
import { createLog } from '../../../../shared/log';
import { listen } from '../../../../shared/process/listen';
import { waitUntil } from '../../../support/wait-until';

const PIECE = 'x'.repeat(64 * 1024);
/** More pieces than the socket buffers at both ends of a loopback connection can hold. */
const MORE_THAN_BUFFERS = 2_000;
/** The source is considered paused after this many polls without progress. */
const IDLE_POLLS = 30;

const servers: { close(): unknown; closeAllConnections(): void }[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** Requests a URL and returns the response with its body unread. */
function openResponse(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject);
  });
}

/** Serves a source through `sendStream`, and captures what `sendStream` throws. */
async function serve(
  source: () => AsyncGenerator<string>,
  onClose: () => void = () => undefined,
): Promise<{ url: string; thrown: () => unknown }> {
  let thrown: unknown = null;
  const listener: RequestListener = (_req, res) => {
    const streamed = { status: 200, mediaType: 'text/plain', stream: source(), onClose };
    sendStream(res, streamed, {}, { log: createLog('silent', 'test'), requestId: 'r' }).catch((error: unknown) => {
      thrown = error;
      res.writeHead(500).end();
    });
  };
  const { server, port } = await listen(listener, 0, 'PORT');
  servers.push(server);
  return { url: `http://127.0.0.1:${port}`, thrown: () => thrown };
}

describe('sendStream', () => {
  it('reads the source no faster than the client reads the response, and ends the source when the client disconnects', async () => {
    const source = { made: 0, ended: false };
    const { url } = await serve(async function* () {
      try {
        for (; source.made < MORE_THAN_BUFFERS; source.made += 1) yield PIECE;
      } finally {
        source.ended = true;
      }
    });
    const response = await openResponse(url);
    let [lastSeen, idlePolls] = [-1, 0];
    await waitUntil('the source pauses', () => {
      idlePolls = source.made === lastSeen ? idlePolls + 1 : 0;
      lastSeen = source.made;
      return idlePolls === IDLE_POLLS;
    });
    expect(source).toEqual({ made: lastSeen, ended: false });
    expect(lastSeen).toBeLessThan(MORE_THAN_BUFFERS);
    response.destroy();
    await waitUntil('the source ends', () => source.ended);
  });

  it('aborts the response if the source fails midway, so that the response does not look complete', async () => {
    const { url, thrown } = await serve(async function* () {
      yield PIECE;
      throw new Error('the database went away');
    });
    const response = await openResponse(url);
    expect(response.statusCode).toBe(200);
    response.resume();
    const ended = await new Promise((resolve) => {
      response.once('end', () => resolve('complete')).once('error', () => resolve('aborted'));
    });
    expect(ended).toBe('aborted');
    expect(thrown()).toBeNull();
  });

  it('throws if the source fails before it yields anything', async () => {
    // oxlint-disable-next-line require-yield -- it fails before it can yield
    const { url, thrown } = await serve(async function* () {
      throw new Error('the database is unreachable');
    });
    expect((await openResponse(url)).statusCode).toBe(500);
    expect(thrown()).toMatchObject({ message: 'the database is unreachable' });
  });

  it('reports that the client disconnected while the source waits, and closes the source', async () => {
    let [waiting, ended] = [false, false];
    let stopWaiting = (): void => undefined;
    const closed = new Promise<void>((resolve) => (stopWaiting = resolve));
    const { url } = await serve(async function* () {
      waiting = true;
      await closed;
      ended = true;
      yield PIECE;
    }, stopWaiting);
    const sent = get(url, { agent: false }).on('error', () => undefined);
    await waitUntil('the source waits', () => waiting);
    sent.destroy();
    await waitUntil('the source ends', () => ended);
  });
});
