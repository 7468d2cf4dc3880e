import type { VNode } from 'preact';
import { readChain } from '../../../audit/read-chain';
import { type PresentedVerdict, verdictInTurn } from '../../../audit/verify-audit';
import { countText } from '../../design/count-text';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Actions, ButtonLink } from '../../design/form';
import { Facts, Notice } from '../../design/text';
import { AUDIT, auditPath, type ChosenChain, chosenChain } from './audit-paths';
import { BREAK_WORDS } from '../../audit/chain-breaks';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, consolePage } from '../console-page';

/** Number of entries that one request verifies. */
const STEP_ENTRIES = 10_000;

type Intact = Extract<PresentedVerdict, { intact: true }>;
type Broken = Extract<PresentedVerdict, { intact: false }>;

interface Verification {
  chosen: ChosenChain;
  verdict: PresentedVerdict;
  /** Number of sealed entries of the chain. */
  sealed: number;
}

function commandOptions({ partnerId, env }: ChosenChain): string {
  return partnerId === null ? '--registry' : `--partner ${partnerId} --env ${env}`;
}

function Complete({ verdict, chosen }: { verdict: Intact; chosen: ChosenChain }): VNode {
  const { entries, sealedThrough, headHash, unsealed } = verdict;
  return (
    <>
      <Notice title="The chain is intact">
        <p>
          {entries === 0
            ? 'It contains no sealed entries yet.'
            : 'MIR has recomputed every entry from the first one. None was changed, removed or inserted since it was sealed.'}
        </p>
      </Notice>
      <Panel title="What was verified">
        <Facts
          facts={[
            ['Entries', countText(entries)],
            sealedThrough === null ? null : ['Through', <RelativeTime at={new Date(sealedThrough)} />],
            ['Not sealed yet', unsealed === 0 ? 'None' : `${countText(unsealed)}, not part of the chain yet`],
            headHash === null ? null : ['Hash of the last entry', <code>{headHash}</code>],
          ]}
        />
        {headHash !== null && (
          <p class="quiet small">
            A person who can write to the database could replace the chain from any entry on, with new hashes. Keep this
            hash in another place: if any of these entries changes later, the chain no longer leads to it. Partners can
            store the signed stream, which shows such a replacement, too.
          </p>
        )}
        <Actions>
          <ButtonLink href={auditPath(chosen)} plain>
            Back to the entries
          </ButtonLink>
        </Actions>
      </Panel>
    </>
  );
}

function Unfinished({ verdict, chosen, sealed }: { verdict: Intact; chosen: ChosenChain; sealed: number }): VNode {
  const { entries, nextCursor } = verdict;
  const total = Math.max(sealed, entries);
  return (
    <Panel title="Verifying the chain">
      <p>
        The first <strong>{countText(entries)}</strong> of {countText(total)} entries are intact.
      </p>
      <progress value={entries} max={total} aria-label="Verified entries" />
      <p class="quiet small">
        Each step verifies up to {countText(STEP_ENTRIES)} entries, so that other requests don’t wait. The next step
        starts by itself; without scripts, continue here.
      </p>
      <Actions>
        <ButtonLink href={auditPath(chosen, { page: '/verify', cursor: nextCursor! })}>Continue</ButtonLink>
        <ButtonLink href={auditPath(chosen)} plain>
          Stop
        </ButtonLink>
      </Actions>
    </Panel>
  );
}

function BrokenChain({ verdict, chosen }: { verdict: Broken; chosen: ChosenChain }): VNode {
  const { seq, auditId, reason } = verdict.firstBroken;
  return (
    <>
      <Notice kind="warn" title={`The chain is broken at entry ${countText(seq)}`}>
        <p>{BREAK_WORDS[reason]}</p>
        <p>
          {seq > 1 && `Entries 1 to ${countText(seq - 1)} are as MIR sealed them. `}
          From this entry on, the log doesn’t prove what happened. Nothing else of MIR is affected.
        </p>
      </Notice>
      <Panel title="What to do">
        <ol>
          <li>
            Change nothing in the collection <code>audit</code>: the rows are the evidence.
          </li>
          <li>
            Find out what was there: compare with a backup (<code>mir backup verify</code>), or with a stream that the
            partner stored (<code>mir audit verify --from-stream</code>).
          </li>
          <li>
            Find out who could write to the database at that time, and treat it as an incident. The{' '}
            <a href="/runbook#mirauditchainbroken">runbook</a> has the steps.
          </li>
        </ol>
        <Facts
          facts={[
            ['First broken entry', countText(seq)],
            auditId === null ? null : ['Its ID', <code>{auditId}</code>],
            ['Code', <code>{reason}</code>],
            ['Same check on the command line', <code>mir audit verify {commandOptions(chosen)}</code>],
          ]}
        />
        <Actions>
          <ButtonLink href={auditPath(chosen)} plain>
            Back to the entries
          </ButtonLink>
        </Actions>
      </Panel>
    </>
  );
}

/** The result so far. While entries are left, a script replaces it with the result of the next step. */
function Step({ chosen, verdict, sealed }: Verification): VNode {
  if (!verdict.intact) return <BrokenChain verdict={verdict} chosen={chosen} />;
  if (verdict.nextCursor === null) return <Complete verdict={verdict} chosen={chosen} />;
  const next = auditPath(chosen, { page: '/verify/step', cursor: verdict.nextCursor });
  return (
    <div {...{ 'hx-get': next, 'hx-trigger': 'load' }} hx-swap="outerHTML">
      <Unfinished verdict={verdict} chosen={chosen} sealed={sealed} />
    </div>
  );
}

/** Verifies the next entries of the chain that the URL names, from its start without a cursor. */
async function verify({
  ctx,
  query,
}: Pick<ConsoleCall, 'ctx' | 'query'>): Promise<Verification & { partnerName: string | null }> {
  const chosen = chosenChain(query);
  const { chain, partner } = await readChain(ctx, chosen.partnerId, chosen.env);
  const verdict = await verdictInTurn(ctx, chain, { limit: STEP_ENTRIES, cursor: query['cursor'] });
  const sealed = (await ctx.store.auditHeads.get(chain))?.seq ?? 0;
  return { chosen, verdict, sealed, partnerName: partner?.name ?? null };
}

/** Verifies a chain, in steps if it is long. */
export const verifyAuditPage = consolePage({
  method: 'GET',
  path: '/audit/verify',
  right: 'audit:read',
  handle: async ({ ctx, operator, query }) => {
    const { partnerName, ...verification } = await verify({ ctx, query });
    const { env } = verification.chosen;
    return {
      html: (
        <ConsoleLayout
          title="Verify the audit log"
          current={AUDIT}
          operator={operator}
          lead={
            partnerName === null ? (
              'The chain of the registry'
            ) : (
              <>
                The chain of <bdi>{partnerName}</bdi>, {env}
              </>
            )
          }
        >
          <div aria-live="polite">
            <Step {...verification} />
          </div>
        </ConsoleLayout>
      ),
    };
  },
});

/** The next step of a verification, which a script puts in the page. */
export const verifyAuditStep = consolePage({
  method: 'GET',
  path: '/audit/verify/step',
  right: 'audit:read',
  handle: async ({ ctx, query }) => ({ fragment: <Step {...await verify({ ctx, query })} /> }),
});
