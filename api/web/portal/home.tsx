import type { VNode } from 'preact';
import { MEMBER_ROLE_MEANINGS } from '../../../shared/domain/roles';
import type { StaffSessionDoc } from '../../../shared/store/staff';
import { endSession } from '../../staff/end-sessions';
import { presentAccount } from '../../staff/get-account';
import { Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Records, type ShownRecord } from '../design/records';
import { Facts, Heading } from '../design/text';
import { staffPage } from '../http/page';
import { ROLE_NAMES } from './roles';

type Account = Awaited<ReturnType<typeof presentAccount>>;

const timeText = (at: Date): string => `${at.toISOString().replace('T', ' ').slice(0, 16)} UTC`;

function recordOf({ _id, userAgent, createdAt }: StaffSessionDoc, isCurrent: boolean): ShownRecord {
  return {
    key: _id,
    name: isCurrent ? 'This browser' : userAgent || 'Unknown program',
    lines: [
      <>
        Since <time dateTime={createdAt.toISOString()}>{timeText(createdAt)}</time>
      </>,
    ],
    action: isCurrent ? null : (
      <Form action={`/portal/sessions/${_id}/end`} class="plain-form">
        <Button kind="plain">Log out there</Button>
      </Form>
    ),
  };
}

function Home({
  account,
  sessions,
  currentId,
}: {
  account: Account;
  sessions: StaffSessionDoc[];
  currentId: string;
}): VNode {
  const { name, email, hasSecondFactor, memberships, operator } = account;
  return (
    <Layout title="Portal">
      <Heading>{name}</Heading>
      <Facts
        facts={[
          ['Email address', email],
          ['Second factor', hasSecondFactor ? 'On' : 'Off'],
          operator && [
            'Operator of this server',
            <>
              {ROLE_NAMES[operator.role]}. <a href="/console">Open the console</a>
            </>,
          ],
        ]}
      />
      <section>
        <h2>Your organizations</h2>
        {memberships.length === 0 && <p>You don’t belong to an organization. An administrator can invite you.</p>}
        {memberships.length > 0 && (
          <Records
            label="Your organizations"
            records={memberships.map(({ partnerId, partnerName, role }) => ({
              key: partnerId,
              name: <bdi>{partnerName}</bdi>,
              lines: [`${ROLE_NAMES[role]}: ${MEMBER_ROLE_MEANINGS[role]}`, <span class="num">{partnerId}</span>],
              action: <ButtonLink href={`/portal/${partnerId}/live`}>Open</ButtonLink>,
            }))}
          />
        )}
        <p>
          The <a href="/guide#members">guide</a> explains how to act as a member through the API.
        </p>
      </section>
      <section>
        <h2>Where you’re logged in</h2>
        <Records
          label="Your sessions"
          records={[...sessions]
            .sort((a, b) => Number(b._id === currentId) - Number(a._id === currentId))
            .map((session) => recordOf(session, session._id === currentId))}
        />
      </section>
    </Layout>
  );
}

export const portalPage = staffPage({
  method: 'GET',
  path: '/portal',
  handle: async ({ ctx, staff }) => {
    const [account, sessions] = await Promise.all([
      presentAccount(ctx, staff),
      ctx.store.staffSessions.ofStaff(staff.staffId),
    ]);
    return { html: <Home account={account} sessions={sessions} currentId={staff.sessionId} /> };
  },
});

/** Ends another session of the account. Does nothing if it has ended already. */
export const endPortalSession = staffPage({
  method: 'POST',
  path: '/portal/sessions/:sessionId/end',
  handle: async ({ ctx, staff, params }) => {
    await endSession(ctx, staff.staffId, params['sessionId'] ?? '');
    return { redirect: '/portal' };
  },
});
