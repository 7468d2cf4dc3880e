import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { RequestHandler } from 'express';
import { requestIdOf } from '../../http/request-id';

const compress = promisify(gzip);

interface Asset {
  type: string;
  /** Called on the first request. The process caches the result. */
  load: () => Promise<Buffer | string> | Buffer | string;
  headers: Record<string, string>;
}

/** Serves content that does not change while the process runs. Compresses it once. */
export function serveReferenceAsset({ type, load, headers }: Asset): RequestHandler {
  let content: Promise<{ plain: Buffer; zipped: Buffer }> | null = null;
  const read = async (): Promise<{ plain: Buffer; zipped: Buffer }> => {
    const plain = Buffer.from(await load());
    return { plain, zipped: await compress(plain) };
  };
  return async (req, res) => {
    const { plain, zipped } = await (content ??= read());
    const zip = req.acceptsEncodings('gzip') === 'gzip';
    const body = zip ? zipped : plain;
    res.writeHead(200, {
      'Content-Type': type,
      'Content-Length': body.length,
      Vary: 'Accept-Encoding',
      'X-Content-Type-Options': 'nosniff',
      'X-Request-Id': requestIdOf(req),
      ...(zip ? { 'Content-Encoding': 'gzip' } : {}),
      ...headers,
    });
    res.end(req.method === 'HEAD' ? undefined : body);
  };
}
