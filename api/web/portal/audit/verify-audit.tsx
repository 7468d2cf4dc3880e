import type { VNode } from 'preact';
import { type PresentedVerdict, verifyAuditRoute } from '../../../audit/verify-audit';
import { BREAK_WORDS } from '../../audit/chain-breaks';
import { countText } from '../../design/count-text';
import { Panel, State } from '../../design/app-parts';
import { Actions, ButtonLink } from '../../design/form';
import { Facts, Notice } from '../../design/text';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/audit';

const timeText = (at: string): string => `${at.slice(0, 19).replace('T', ' ')} UTC`;

function Intact({ verdict, base }: { verdict: Extract<PresentedVerdict, { intact: true }>; base: string }): VNode {
  const { entries, sealedThrough, headHash, unsealed, nextCursor } = verdict;
  const isComplete = nextCursor === null;
  return (
    <>
      <Panel title="Result">
        <p>
          {isComplete
            ? 'MIR has recomputed every entry. None was changed, removed or inserted since it was sealed.'
            : 'So far, no entry was changed, removed or inserted. The log is long: continue to verify the rest.'}
        </p>
        <Facts
          facts={[
            ['State', <State kind="active">{isComplete ? 'Intact' : 'Intact so far'}</State>],
            ['Entries verified', countText(entries)],
            ['Through', sealedThrough === null ? 'No entry yet' : timeText(sealedThrough)],
            unsealed > 0 ? ['Not sealed yet', `${countText(unsealed)}. Sealing usually takes about a second.`] : null,
            headHash === null ? null : ['Hash of the last entry', <code class="hash">{headHash}</code>],
          ]}
        />
        {!isComplete && (
          <Actions>
            <ButtonLink href={`${base}${PATH}/verify?cursor=${encodeURIComponent(nextCursor)}`}>Continue</ButtonLink>
          </Actions>
        )}
      </Panel>
      <p>
        Keep the hash somewhere else. If anyone changes these entries later, the log no longer leads to it. Your systems
        can also follow the log and verify each entry themselves: see the <a href="/guide#audit-log">guide</a>.
      </p>
    </>
  );
}

function Verdict({
  member,
  verdict,
  contact,
}: {
  member: Member;
  verdict: PresentedVerdict;
  contact: string | null;
}): VNode {
  return (
    <PortalLayout
      member={member}
      title={verdict.intact ? 'The audit log is intact' : 'The audit log was changed'}
      path={PATH}
    >
      {verdict.intact ? (
        <Intact verdict={verdict} base={member.base} />
      ) : (
        <Notice kind="warn" title={`The first problem is at entry ${countText(verdict.firstBroken.seq)}`}>
          <p>{BREAK_WORDS[verdict.firstBroken.reason]}</p>
          {verdict.firstBroken.auditId !== null && (
            <p>
              Entry ID: <code>{verdict.firstBroken.auditId}</code>
            </p>
          )}
          <p>
            Entries before it are unchanged. Ask the operator of MIR what happened{contact !== null && `: ${contact}`}.
          </p>
        </Notice>
      )}
      <Actions>
        <ButtonLink href={member.base + PATH} plain>
          Back to the audit log
        </ButtonLink>
      </Actions>
    </PortalLayout>
  );
}

export const verifyAuditPage = memberPage({
  method: 'GET',
  path: `${PATH}/verify`,
  scope: 'audit:read',
  handle: async ({ ctx, member, call, query }) => {
    const { cursor } = query;
    const verdict = await call<PresentedVerdict>(verifyAuditRoute, { query: { ...(cursor && { cursor }) } });
    return { html: <Verdict member={member} verdict={verdict} contact={ctx.config.operator.contact} /> };
  },
});
