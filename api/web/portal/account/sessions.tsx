import type { VNode } from 'preact';
import type { StaffSessionDoc } from '../../../../shared/store/staff';
import { endSession, endSessions } from '../../../staff/end-sessions';
import { doneText } from '../../design/done-text';
import { DataTable, Panel, RelativeTime, State } from '../../design/app-parts';
import { Button, Form } from '../../design/form';
import { AccountLayout } from './account-layout';
import { type Account, accountPage } from './account-page';
import { agentName } from './agent-name';

const PATH = '/portal/account/sessions';
const END = `${PATH}/end`;

/** Maps values of `done` to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  one: 'The session has ended.',
  others: 'You’re logged out everywhere else.',
};

interface Shown {
  account: Account;
  sessions: readonly StaffSessionDoc[];
  currentId: string;
  done: string | undefined;
}

function Sessions({ account, sessions, currentId, done }: Shown): VNode {
  const ordered = [...sessions].sort((a, b) => Number(b._id === currentId) - Number(a._id === currentId));
  return (
    <AccountLayout
      account={account}
      title="Sessions"
      current={PATH}
      lead="Where you’re logged in. Each session ends after 12 hours, whether or not you use it."
      action={
        sessions.length > 1 && (
          <Form action={END} class="plain-form" hidden={{ session: 'others' }}>
            <Button kind="plain">Log out everywhere else</Button>
          </Form>
        )
      }
      done={done}
    >
      <Panel flush>
        <DataTable
          caption="Your sessions"
          columns={[{ text: 'Where' }, { text: 'Logged in' }, { text: 'Ends' }, { text: 'Action' }]}
          rows={ordered.map(({ _id, userAgent, createdAt, expiresAt }) => ({
            key: _id,
            cells: [
              <span title={userAgent || undefined}>{agentName(userAgent)}</span>,
              <RelativeTime at={createdAt} />,
              <RelativeTime at={expiresAt} />,
              _id === currentId ? (
                <State kind="active">This browser</State>
              ) : (
                <Form action={END} class="plain-form" hidden={{ session: _id }}>
                  <button class="link-button">
                    Log out there<span class="visually-hidden">: {agentName(userAgent)}</span>
                  </button>
                </Form>
              ),
            ],
          }))}
        />
      </Panel>
      <p class="quiet small">
        A session that you don’t recognize? End it, and <a href="/portal/account/security">choose a new password</a>.
        That ends all sessions.
      </p>
    </AccountLayout>
  );
}

export const sessionsPage = accountPage({
  method: 'GET',
  path: PATH,
  handle: async ({ ctx, staff, account, query }) => {
    const sessions = await ctx.store.staffSessions.ofStaff(staff.staffId);
    const done = doneText(DONE, query['done']);
    return { html: <Sessions account={account} sessions={sessions} currentId={staff.sessionId} done={done} /> };
  },
});

/** Ends another session of the account, or all others. Does nothing if the session has ended already. */
export const endPortalSession = accountPage({
  method: 'POST',
  path: END,
  handle: async ({ ctx, staff, form }) => {
    const chosen = form['session'] ?? '';
    if (chosen === 'others') await endSessions(ctx, staff.staffId, staff.sessionId);
    else if (chosen !== staff.sessionId) await endSession(ctx, staff.staffId, chosen);
    return { redirect: `${PATH}?done=${chosen === 'others' ? 'others' : 'one'}` };
  },
});
