import type { RequestHandler } from 'express';
import type { Asset } from '../design/asset';

const YEAR_SECONDS = 365 * 24 * 3_600;

/** Serves an asset. Clients may cache it permanently, because its path changes with its content. */
export function serveAsset({ mediaType, content }: Asset): RequestHandler {
  const headers = {
    'Content-Type': mediaType,
    'Content-Length': Buffer.byteLength(content),
    'Cache-Control': `public, max-age=${YEAR_SECONDS}, immutable`,
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    // An SVG file that is opened as a page runs no scripts and loads nothing.
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  };
  return (_req, res) => {
    res.writeHead(200, headers).end(content);
  };
}
