import type { ComponentChildren, VNode } from 'preact';
import type { ApplicationDoc, ApplicationStatus } from '../../../shared/store/applications';
import { Panel, State } from '../design/app-parts';
import { Actions, ButtonLink } from '../design/form';
import { Day, Facts, Num } from '../design/text';

type StateKind = Parameters<typeof State>[0]['kind'];

const STATUS_TEXTS: Record<ApplicationStatus, { status: string; kind: StateKind; text: string }> = {
  PENDING: {
    status: 'Waiting for a decision',
    kind: 'pending',
    text: 'The operator of this MIR server decides on your application. We’ll email you the decision.',
  },
  APPROVED: {
    status: 'Approved',
    kind: 'active',
    text: 'Your application was approved. We sent you an email with which you become the first administrator.',
  },
  REJECTED: {
    status: 'Rejected',
    kind: 'ended',
    text: 'Your application was rejected. You can apply again.',
  },
};

/** The status of an application as its applicant sees it, and what to do next. */
export function ApplicationStatusFacts({ application }: { application: ApplicationDoc }): VNode {
  const { _id, name, status, reason, createdAt, decidedAt } = application;
  const shown = STATUS_TEXTS[status];
  const facts: (readonly [string, ComponentChildren] | null)[] = [
    ['Status', <State kind={shown.kind}>{shown.status}</State>],
    status === 'REJECTED' && reason !== undefined ? ['Reason', reason] : null,
    ['Applicant', <bdi>{name}</bdi>],
    ['Application ID', <Num>{_id}</Num>],
    ['Submitted', <Day at={createdAt} />],
    decidedAt ? ['Decided', <Day at={decidedAt} />] : null,
  ];
  return (
    <>
      <p>{shown.text}</p>
      <Panel>
        <Facts facts={facts} />
      </Panel>
      {status !== 'PENDING' && (
        <Actions>
          {status === 'APPROVED' ? (
            <ButtonLink href="/portal/login">Log in to the portal</ButtonLink>
          ) : (
            <ButtonLink href="/partners/apply">Apply again</ButtonLink>
          )}
        </Actions>
      )}
    </>
  );
}
