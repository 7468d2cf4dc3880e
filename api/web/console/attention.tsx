import type { ComponentChildren, VNode } from 'preact';
import { withDeadline } from '../../../shared/concurrency/deadline';
import { messageWithCauses } from '../../../shared/errors';
import { countDeadLetters, readOpenKills } from '../../admin/health/check-work';
import { readHealth } from '../../admin/health/health-report';
import { countErasures } from '../../users/list-erasures';
import { countOf, countText } from '../design/count-text';
import { DataTable, Empty, Panel, RelativeTime, State } from '../design/app-parts';
import type { ConsoleCall } from './console-page';
import { DEAD_LETTERS_PATH } from './queues/dead-letter-words';
import { LONG_FAILING_MS, WEBHOOKS } from './webhooks/endpoint-parts';
import { ERASURES } from './erasures/erasure-parts';
import { KILLS } from './paths';

/** Time limit of each read, so that one server that does not respond cannot hold up the page. */
const READ_TIMEOUT_MS = 4_000;
/** The overview shows a health report up to this age instead of running all checks at each visit. */
const MAX_REPORT_AGE_MS = 60_000;

/** Something that an operator may have to act on. */
interface Concern {
  what: string;
  /** Number of things. Null if they could not be read. */
  count: number | null;
  detail?: ComponentChildren;
  href: string;
  action: string;
}

/** Reads a concern. Failing reads are shown, and do not hide the others. */
type ReadConcern = () => Promise<Omit<Concern, 'what' | 'href' | 'action'>>;

type Page = Pick<ConsoleCall, 'ctx' | 'operator'>;

function readsOf({ ctx, operator }: Page): readonly (Omit<Concern, 'count' | 'detail'> & { read: ReadConcern })[] {
  return [
    {
      what: 'Health checks',
      href: '/console/health',
      action: 'Open',
      read: async () => {
        const { findings, at } = await readHealth(ctx, MAX_REPORT_AGE_MS);
        const failed = findings.filter(({ verdict }) => verdict === 'FAIL').length;
        const degraded = findings.filter(({ verdict }) => verdict === 'WARN').length;
        const texts = [failed > 0 && `${failed} failed`, degraded > 0 && `${degraded} degraded`];
        return {
          count: failed + degraded,
          detail: (
            <>
              {texts.filter(Boolean).join(', ')}, checked <RelativeTime at={at} />
            </>
          ),
        };
      },
    },
    {
      what: 'Dead letters',
      href: DEAD_LETTERS_PATH,
      action: 'Open',
      read: async () => ({
        count: await countDeadLetters(ctx.queueLink, ctx.keys),
        detail: 'Their events are missing until they are replayed',
      }),
    },
    {
      what: 'Kills that take long',
      href: KILLS,
      action: 'Open',
      read: async () => {
        const { running, partial, oldest, isLate } = await readOpenKills(ctx.store, Date.now());
        const late = isLate ? running + partial : partial;
        return {
          count: late,
          detail: oldest && (
            <>
              In force, but not all keys are deleted. The oldest began <RelativeTime at={oldest.createdAt} />
            </>
          ),
        };
      },
    },
    {
      what: 'Late erasures',
      href: ERASURES,
      action: 'Open',
      read: async () => ({
        count: (await countErasures(ctx, Date.now())).late,
        detail: 'Events of users are not deleted yet, more than 15 minutes after the request',
      }),
    },
    {
      what: 'Failing webhooks',
      href: WEBHOOKS,
      action: 'Open',
      read: async () => ({
        count: await ctx.store.webhooks.countFailing(new Date(Date.now() - LONG_FAILING_MS)),
        detail: 'Every attempt at these endpoints of partners has failed for 15 minutes or longer',
      }),
    },
    {
      what: 'Applications',
      href: '/console/applications',
      action: 'Decide',
      read: () =>
        Promise.resolve({
          count: operator.pendingApplications,
          detail: countOf(operator.pendingApplications, 'platform waits', 'platforms wait'),
        }),
    },
  ];
}

/** Reads what needs attention. Each read has a time limit and may fail alone. */
export async function readConcerns(page: Page): Promise<Concern[]> {
  const { log } = page.ctx;
  return Promise.all(
    readsOf(page).map(async ({ read, ...concern }) => {
      try {
        const late = (): Error => new Error(`not read within ${READ_TIMEOUT_MS} ms`);
        return { ...concern, ...(await withDeadline(read(), READ_TIMEOUT_MS, late)) };
      } catch (error) {
        log.warn({ err: messageWithCauses(error), what: concern.what }, 'overview read failed');
        return { ...concern, count: null };
      }
    }),
  );
}

/** What needs attention, each with its count and the action. */
export function NeedsAttention({ concerns }: { concerns: readonly Concern[] }): VNode {
  const open = concerns.filter(({ count }) => count !== 0);
  if (open.length === 0) {
    return (
      <Panel title="Needs attention" flush>
        <Empty title="Nothing needs attention">
          <p>
            Failed checks, dead letters, kills and erasures that take long, failing webhooks and applications appear
            here.
          </p>
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel title="Needs attention" flush>
      <DataTable
        caption="Needs attention"
        columns={[{ text: 'What' }, { text: 'Count', numeric: true }, { text: 'Action' }]}
        rows={open.map(({ what, count, detail, href, action }) => ({
          key: what,
          cells: [
            <div>
              {what}
              {count !== null && detail && (
                <>
                  <br />
                  <span class="quiet small">{detail}</span>
                </>
              )}
            </div>,
            count === null ? <State kind="suspended">Could not be read</State> : countText(count),
            <a href={href}>
              {action}
              <span class="visually-hidden"> {what.toLowerCase()}</span>
            </a>,
          ],
        }))}
      />
    </Panel>
  );
}
