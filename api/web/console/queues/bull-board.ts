import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  BullBoardRequest,
  ControllerHandlerReturnType,
  IServerAdapter,
  UIConfig,
} from '@bull-board/api/typings/app';
import type { Queue } from 'bullmq';
import { currentShards, shardsOf } from '../../../../shared/queue/event-shards';
import { QUEUES } from '../../../../shared/queue/queues';
import type { ApiContext } from '../../../context';
import { presentFailure } from '../../../admin/present-failure';
import { boardStylesheet } from '../../design/assets';
import { shapeOf } from '../../../admin/shape-of';

/** bull-board's read routes, its page, and the paths that serve the page. */
export interface Board {
  routes: {
    paths: string[];
    handle: (request: Pick<BullBoardRequest, 'params' | 'query'>) => Promise<ControllerHandlerReturnType>;
  }[];
  pagePaths: string[];
  html: string;
  staticDir: string;
}

const UI_DIR = join(dirname(require.resolve('@bull-board/ui/package.json')), 'dist');

const DESCRIPTION = 'Read-only. To replay or drop dead letters, use /console/dead-letters or mir dead-letters.';

/** Adapts a queue for the board, which is read-only and shows the shape of each payload instead of its content. */
function readOnly(queue: Queue, shard: number, fields: ReadonlySet<string>): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, {
    readOnlyMode: true,
    allowRetries: false,
    description: DESCRIPTION,
    prefix: shard === 0 ? '' : `shard-${shard}-`,
  });
  for (const field of ['data', 'returnValue', 'progress'] as const) {
    adapter.setFormatter(field, (value) => shapeOf(value ?? null, fields) as Record<string, unknown>);
  }
  return adapter;
}

const ADDRESS = /[^\s<>"'(),:;]+@[^\s<>"'(),:;]+/g;

/** Fields in bull-board's responses that contain error messages from workers. */
const FAILURE_FIELDS: ReadonlySet<string> = new Set(['failedReason', 'deferredFailure']);

/**
 * Redacts text from drivers and other servers: rewords failures with `presentFailure`, replaces email addresses, and
 * removes the Redis port and all stack traces, which begin with the original error message.
 */
function redactBody(body: unknown, name = ''): unknown {
  if (typeof body === 'string') return (FAILURE_FIELDS.has(name) ? presentFailure(body) : body).replace(ADDRESS, '…@…');
  if (Array.isArray(body)) return name === 'stacktrace' ? [] : body.map((item) => redactBody(item));
  if (typeof body !== 'object' || body === null) return body;
  const shown = Object.entries(body).filter(([field]) => field !== 'port');
  return Object.fromEntries(shown.map(([field, value]) => [field, redactBody(value, field)]));
}

/** Renders bull-board's page without inline styles or resources from other origins. */
function pageHtml(template: string, values: Record<string, unknown>): string {
  const html = template
    .replace(/<link href="https:[^>]*>/, '')
    .replace(/(<div id="root">)[^]*?<\/style>\s*(<\/div>)/, '$1$2')
    .replaceAll(/<%[=-] (\w+) %>/g, (_all, name: string) => {
      const value = values[name];
      return typeof value === 'string' ? value : '';
    });
  if (/<%|https?:|<style|style=/.test(html)) throw new Error('pageHtml does not support this version of bull-board');
  return html;
}

/** A link that leads away from the board: in its menu, or as a button on every page. */
export interface WayOut {
  kind: 'menu' | 'button';
  text: string;
  url: string;
}

/** Adds a link to the board's page. Its text and URL are our own. */
function withButton(html: string, { text, url }: WayOut): string {
  const style = `<link href="${boardStylesheet.path}" rel="stylesheet">`;
  return html
    .replace('</head>', `${style}</head>`)
    .replace('<div id="root">', `<a class="mir-way-out" href="${url}">${text}</a><div id="root">`);
}

/** Creates the board with a link that leads away from it. Uses only bull-board's read routes, so no one can change a queue. */
export function createBoard(
  { queues, keys }: Pick<ApiContext, 'queues' | 'keys'>,
  basePath: string,
  wayOut: WayOut,
): Board {
  let known: BullBoardQueues = new Map();
  let uiConfig: UIConfig = {};
  const board: Board = { routes: [], pagePaths: [], html: '', staticDir: join(UI_DIR, 'static') };

  const adapter: IServerAdapter = {
    setQueues: (boardQueues) => ((known = boardQueues), adapter),
    setViewsPath: () => adapter,
    setStaticPath: () => adapter,
    setErrorHandler: () => adapter,
    setUIConfig: (uiOptions) => ((uiConfig = uiOptions), adapter),
    setEntryRoute: (entry: AppViewRoute) => {
      board.pagePaths = [entry.route].flat();
      const { params } = entry.handler({ basePath, uiConfig });
      const html = pageHtml(readFileSync(join(UI_DIR, 'index.ejs'), 'utf8'), params);
      board.html = wayOut.kind === 'button' ? withButton(html, wayOut) : html;
      return adapter;
    },
    setApiRoutes: (routes: AppControllerRoute[]) => {
      board.routes = routes
        .filter(({ method }) => [method].flat().join(',') === 'get')
        .map((route) => ({
          paths: [route.route].flat(),
          handle: async ({ params, query }) => {
            const request = { queues: known, uiConfig, query, params, body: {}, headers: {} };
            const { status = 200, body } = await route.handler(request);
            return { status, body: redactBody(body) as Record<string, unknown> };
          },
        }));
      return adapter;
    },
  };
  createBullBoard({
    queues: QUEUES.flatMap(({ name, fields }) =>
      shardsOf(name, currentShards(keys)).map((shard) => readOnly(queues.ofShard(name, shard), shard, fields)),
    ),
    serverAdapter: adapter,
    options: {
      uiBasePath: dirname(UI_DIR),
      uiConfig: {
        boardTitle: 'MIR queues',
        hideDocsLink: true,
        miscLinks: wayOut.kind === 'menu' ? [wayOut] : [],
        locale: { lng: 'en-US' },
      },
    },
  });
  return board;
}
