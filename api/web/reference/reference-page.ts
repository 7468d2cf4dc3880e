import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RequestHandler } from 'express';
import { fontFaces } from '../design/fonts';
import { serveReferenceAsset } from './reference-asset';

/** Scalar's package for Fastify contains the entire reference UI in one file. The Fastify plugin itself is not used. */
const SCALAR = require.resolve('@scalar/fastify-api-reference');
const SCALAR_FILE = path.join(path.dirname(SCALAR), 'js/standalone.js');
const SCALAR_PACKAGE = path.join(path.dirname(SCALAR), '../package.json');
const IMMUTABLE = { 'Cache-Control': 'public, max-age=31536000, immutable' };
const REVALIDATE = { 'Cache-Control': 'no-cache' };

/** Scalar adds inline styles, which require `unsafe-inline`. Scripts and requests are limited to this origin. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = { ...REVALIDATE, 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'no-referrer' };

/** Sets the reference in the typeface of the other pages, and replaces Scalar's grays, which have too little contrast. */
const STYLE = `${fontFaces}
:root{--scalar-font:'Inter Variable','Inter Fallback',system-ui,sans-serif}
.light-mode{--scalar-color-2:#454545;--scalar-color-3:#595959}
.dark-mode{--scalar-color-2:#d0d0d0;--scalar-color-3:#b8b8b8}`;

/**
 * Turns off Scalar's telemetry and everything that it would load from other origins. Test requests go to the page's own
 * origin.
 */
const START = `Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  servers: [{ url: location.origin }],
  theme: 'none',
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: 'never',
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideModels: true,
  authentication: { preferredSecurityScheme: 'apiKey' },
  customCss: ${JSON.stringify(STYLE)},
  documentDownloadType: 'json',
  operationTitleSource: 'summary',
  metaData: { title: 'MIR API reference' },
});
`;

const page = (script: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MIR API reference</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="reference"></div>
<noscript><p>This reference requires JavaScript. You can also read the <a href="/openapi.json">OpenAPI document</a> or the <a href="/guide">Partner Guide</a>.</p></noscript>
<script src="${script}"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

interface Served {
  method: 'GET';
  path: string;
  handle: RequestHandler;
}

/** Returns the routes for `/openapi.json` and for `/docs`, which shows the document as a page. */
export function referencePage(openApi: object): Served[] {
  const { version } = JSON.parse(readFileSync(SCALAR_PACKAGE, 'utf8')) as { version: string };
  const script = `/docs/scalar-${version}.js`;
  const served = (route: string, asset: Parameters<typeof serveReferenceAsset>[0]): Served => ({
    method: 'GET',
    path: route,
    handle: serveReferenceAsset(asset),
  });
  return [
    served('/openapi.json', {
      type: 'application/json; charset=utf-8',
      load: () => `${JSON.stringify(openApi)}\n`,
      headers: REVALIDATE,
    }),
    served('/docs', { type: 'text/html; charset=utf-8', load: () => page(script), headers: HEADERS }),
    served('/docs/start.js', { type: 'text/javascript; charset=utf-8', load: () => START, headers: REVALIDATE }),
    served(script, { type: 'text/javascript; charset=utf-8', load: () => readFile(SCALAR_FILE), headers: IMMUTABLE }),
  ];
}
