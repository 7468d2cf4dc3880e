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
import { QUEUES } from '../../../shared/queue/queues';
import type { ApiContext } from '../../context';
import { presentFailure } from '../../admin/present-failure';
import { shapeOf } from '../../admin/shape-of';

/** What bull-board gives its server: its reading routes, the paths that open its page, and that page. */
export interface Board {
  routes: {
    paths: string[];
    answer: (asked: Pick<BullBoardRequest, 'params' | 'query'>) => Promise<ControllerHandlerReturnType>;
  }[];
  pagePaths: string[];
  html: string;
  staticDir: string;
}

const UI_DIR = join(dirname(require.resolve('@bull-board/ui/package.json')), 'dist');

const DESCRIPTION = 'To read only. Replay and drop: mir dead-letters, or /admin/dead-letters.';

/** A queue as the board may see it: no action, and of every payload only its shape. */
function readOnly(queue: Queue, fields: ReadonlySet<string>): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false, description: DESCRIPTION });
  for (const field of ['data', 'returnValue', 'progress'] as const) {
    adapter.setFormatter(field, (value) => shapeOf(value ?? null, fields) as Record<string, unknown>);
  }
  return adapter;
}

const ADDRESS = /[^\s<>"'(),:;]+@[^\s<>"'(),:;]+/g;

/** Fields of bull-board's responses that hold the message of whatever a worker threw. */
const FAILURES: ReadonlySet<string> = new Set(['failedReason', 'deferredFailure']);

/**
 * Removes what drivers and other servers say: failures are shown as `presentFailure` does, stack traces (which begin
 * with them), the port of the queue store and mail addresses not at all.
 */
function withoutQuotes(body: unknown, name = ''): unknown {
  if (typeof body === 'string') return (FAILURES.has(name) ? presentFailure(body) : body).replace(ADDRESS, '…@…');
  if (Array.isArray(body)) return name === 'stacktrace' ? [] : body.map((one) => withoutQuotes(one));
  if (typeof body !== 'object' || body === null) return body;
  const shown = Object.entries(body).filter(([field]) => field !== 'port');
  return Object.fromEntries(shown.map(([field, value]) => [field, withoutQuotes(value, field)]));
}

/** bull-board's page without what it would load from elsewhere and without inline styles. */
function pageHtml(template: string, values: Record<string, unknown>): string {
  const html = template
    .replace(/<link href="https:[^>]*>/, '')
    .replace(/(<div id="root">)[^]*?<\/style>\s*(<\/div>)/, '$1$2')
    .replaceAll(/<%[=-] (\w+) %>/g, (_all, name: string) => {
      const value = values[name];
      return typeof value === 'string' ? value : '';
    });
  if (/<%|https?:|<style|style=/.test(html)) throw new Error('the page of this version of bull-board is not known');
  return html;
}

/** Makes the board over the queues. Only its reading routes are taken: what is not there cannot be misused. */
export function createBoard({ queues }: Pick<ApiContext, 'queues'>, basePath: string): Board {
  let known: BullBoardQueues = new Map();
  let uiConfig: UIConfig = {};
  const board: Board = { routes: [], pagePaths: [], html: '', staticDir: join(UI_DIR, 'static') };

  const adapter: IServerAdapter = {
    setQueues: (given) => ((known = given), adapter),
    setViewsPath: () => adapter,
    setStaticPath: () => adapter,
    setErrorHandler: () => adapter,
    setUIConfig: (given) => ((uiConfig = given), adapter),
    setEntryRoute: (entry: AppViewRoute) => {
      board.pagePaths = [entry.route].flat();
      const { params } = entry.handler({ basePath, uiConfig });
      board.html = pageHtml(readFileSync(join(UI_DIR, 'index.ejs'), 'utf8'), params);
      return adapter;
    },
    setApiRoutes: (routes: AppControllerRoute[]) => {
      board.routes = routes
        .filter(({ method }) => [method].flat().join(',') === 'get')
        .map((route) => ({
          paths: [route.route].flat(),
          answer: async ({ params, query }) => {
            const asked = { queues: known, uiConfig, query, params, body: {}, headers: {} };
            const { status = 200, body } = await route.handler(asked);
            return { status, body: withoutQuotes(body) as Record<string, unknown> };
          },
        }));
      return adapter;
    },
  };
  createBullBoard({
    queues: QUEUES.map(({ name, fields }) => readOnly(queues[name], fields)),
    serverAdapter: adapter,
    options: {
      uiBasePath: dirname(UI_DIR),
      uiConfig: {
        boardTitle: 'MIR queues',
        hideDocsLink: true,
        miscLinks: [{ text: 'Log out', url: '/admin/logout' }],
        locale: { lng: 'en-US' },
      },
    },
  });
  return board;
}
