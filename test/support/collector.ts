import type { RequestListener } from 'node:http';
import { afterAll } from '@jest/globals';
import { listen } from '../../shared/process/listen';

interface OtlpValue {
  stringValue?: string;
  intValue?: number | string;
}
interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes?: { key: string; value: OtlpValue }[];
  links?: { traceId: string; spanId: string }[];
}
interface OtlpBody {
  resourceSpans: {
    resource: { attributes: { key: string; value: OtlpValue }[] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

/** OTLP span kinds. */
export const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** A received span, with its attributes as an object. */
export interface Span extends Omit<OtlpSpan, 'attributes' | 'links'> {
  service: string;
  attributes: Record<string, string | number | undefined>;
  links: { traceId: string; spanId: string }[];
}

export interface Collector {
  url: string;
  spans: Span[];
  /** Returns all received bodies. */
  text(): string;
}

function attributesOf(list: OtlpSpan['attributes'] = []): Span['attributes'] {
  return Object.fromEntries(
    list.map(({ key, value }) => [
      key,
      value.stringValue ?? (value.intValue === undefined ? undefined : Number(value.intValue)),
    ]),
  );
}

/** Returns a function that starts an OTLP/HTTP collector. The collectors stop after the last test. */
export function testCollectors(): () => Promise<Collector> {
  const ends: (() => void)[] = [];
  afterAll(() => ends.forEach((end) => end()));
  return () => startCollector(ends);
}

async function startCollector(ends: (() => void)[]): Promise<Collector> {
  const spans: Span[] = [];
  const texts: string[] = [];
  const receive: RequestListener = (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      texts.push(text);
      const { resourceSpans } = JSON.parse(text) as OtlpBody;
      for (const { resource, scopeSpans } of resourceSpans) {
        const service = String(attributesOf(resource.attributes)['service.name']);
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, service, attributes: attributesOf(span.attributes), links: span.links ?? [] });
        }
      }
      res.writeHead(req.url === '/v1/traces' ? 200 : 404, { 'Content-Type': 'application/json' }).end('{}');
    });
  };
  const { server, port } = await listen(receive, 0, 'the collector');
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}`, spans, text: () => texts.join('\n') };
}
