import type { ComponentChildren, VNode } from 'preact';
import { type ListedErasure, readAnyErasure } from '../../../users/list-erasures';
import { boundedCountText, countText } from '../../design/count-text';
import { Panel, RelativeTime, Split, State } from '../../design/app-parts';
import { LivePart } from '../../design/live-part';
import { Facts } from '../../design/text';
import { auditPath } from '../audit/audit-paths';
import { ConsoleLayout } from '../console-layout';
import { consolePage } from '../console-page';
import { ERASURES, erasurePath, ErasureState, isLate, lengthText, Owner, STAGE_MEANINGS } from './erasure-parts';

/** Maximum number of events that are counted for the page. */
const MAX_COUNTED_EVENTS = 10_000;
/** How often the page is reloaded without scripts. */
const RELOAD_SECONDS = 5;

type StepState = 'done' | 'current' | 'waiting';

const STEP_STATES = {
  done: { kind: 'active', text: 'Done' },
  current: { kind: 'pending', text: 'Now' },
  waiting: { kind: 'ended', text: 'Next' },
} as const;

function Step({ state, title, children }: { state: StepState; title: string; children: ComponentChildren }): VNode {
  const { kind, text } = STEP_STATES[state];
  return (
    <li>
      <h3>{title}</h3>
      <span class={state === 'waiting' ? 'quiet small' : ''}>
        {state === 'waiting' ? text : <State kind={kind}>{text}</State>}
      </span>
      <p>{children}</p>
    </li>
  );
}

const atLeast = (count: number): string => boundedCountText(count, MAX_COUNTED_EVENTS);

/** The steps of an erasure, and which of them it has reached. */
function Progress({ erasure }: { erasure: ListedErasure }): VNode {
  const { status, progress, eventsErased, settledAt } = erasure;
  const { eventsLeft, chunksQueued } = progress;
  const isDone = status === 'DONE';
  const stateOf = (isPast: boolean, isNow: boolean): StepState => (isPast ? 'done' : isNow ? 'current' : 'waiting');
  const noneStored = isDone || eventsLeft === 0;
  const noneQueued = isDone || (noneStored && chunksQueued === 0);
  return (
    <ol class="steps">
      <Step state="done" title="Link and signals removed">
        At once, in the transaction of the request. The user no longer counts anywhere.
      </Step>
      <Step state={stateOf(noneStored, true)} title="Stored events deleted">
        {countText(eventsErased)} deleted
        {!noneStored && `, ${atLeast(eventsLeft)} left`}.
      </Step>
      <Step state={stateOf(noneQueued, noneStored)} title="Queued events processed">
        {isDone && 'Every event that was queued at the request is processed.'}
        {!isDone && chunksQueued === null && 'Unknown: Redis did not respond.'}
        {!isDone &&
          chunksQueued !== null &&
          (chunksQueued === 0
            ? 'No chunk from before the request is queued.'
            : `${countText(chunksQueued)} of the partner’s chunks from before the request are queued.`)}
      </Step>
      <Step state={stateOf(isDone, noneQueued)} title="Dead letters and caches cleaned">
        {isDone && settledAt !== null ? (
          <>
            Finished <RelativeTime at={new Date(settledAt)} />. The partner was notified.
          </>
        ) : (
          'Then the erasure is done, and the partner is notified.'
        )}
      </Step>
    </ol>
  );
}

function Explanation({ erasure }: { erasure: ListedErasure }): VNode {
  return (
    <>
      <Progress erasure={erasure} />
      <p class={isLate(erasure) ? 'caution' : 'quiet small'}>{STAGE_MEANINGS[erasure.progress.stage]}</p>
    </>
  );
}

const isOver = ({ status }: ListedErasure): boolean => status === 'DONE';

/** An erasure of any partner: how far it is, and what it waits for. */
export const erasurePage = consolePage({
  method: 'GET',
  path: '/erasures/:id',
  right: 'partners:read',
  handle: async ({ ctx, operator, params }) => {
    const erasure = await readAnyErasure(ctx, params['id']!, MAX_COUNTED_EVENTS);
    const { receiptId, erasedAt, settledAt, partnerId, environment } = erasure;
    const end = settledAt === null ? Date.now() : Date.parse(settledAt);
    const follow = isOver(erasure) ? {} : { reloadSeconds: RELOAD_SECONDS };
    return {
      html: (
        <ConsoleLayout title="Erasure" current={ERASURES} operator={operator} {...follow}>
          <p>
            <a href={ERASURES}>All erasures</a>
          </p>
          <Split>
            <Panel title="Progress">
              <LivePart path={isOver(erasure) ? null : `${erasurePath(receiptId)}/live`}>
                <Explanation erasure={erasure} />
              </LivePart>
            </Panel>
            <Panel title="About this erasure">
              <Facts
                facts={[
                  ['State', <ErasureState erasure={erasure} />],
                  ['Partner', <Owner owner={erasure} />],
                  ['Partner ID', <code>{partnerId}</code>],
                  ['Requested', <RelativeTime at={new Date(erasedAt)} />],
                  [settledAt === null ? 'Running for' : 'Took', lengthText(end - Date.parse(erasedAt))],
                  ['Receipt ID', <code>{receiptId}</code>],
                ]}
              />
              <p class="quiet small">
                MIR stores the user only as a keyed hash while the erasure runs, and deletes it at the end.{' '}
                <a href={auditPath({ partnerId, env: environment }, { id: receiptId })}>Who requested it</a> is in the
                audit log.
              </p>
            </Panel>
          </Split>
        </ConsoleLayout>
      ),
    };
  },
});

/** The progress of an erasure as server-sent events, until it is done. */
export const erasureLive = consolePage({
  method: 'GET',
  path: '/erasures/:id/live',
  right: 'partners:read',
  handle: ({ ctx, params }) => ({
    live: {
      read: async () => {
        const erasure = await readAnyErasure(ctx, params['id']!, MAX_COUNTED_EVENTS);
        return { html: <Explanation erasure={erasure} />, isLast: isOver(erasure) };
      },
    },
  }),
});
