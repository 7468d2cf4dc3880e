import type { VNode } from 'preact';
import {
  MEMBER_ROLE_MEANINGS,
  MEMBER_ROLE_NAMES,
  OPERATOR_ROLE_MEANINGS,
  OPERATOR_ROLE_NAMES,
} from '../../../../shared/domain/roles';
import { type presentAccount, getAccountRoute } from '../../../staff/get-account';
import { Empty, Panel, Split } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { Facts } from '../../design/text';
import { AccountLayout } from './account-layout';
import { type Account, accountPage } from './account-page';
import { FactorState } from './factor-state';

type Presented = Awaited<ReturnType<typeof presentAccount>>;

interface Shown {
  account: Account;
  presented: Presented;
  passkeys: number;
  sessions: number;
}

function Memberships({ memberships }: Pick<Presented, 'memberships'>): VNode {
  if (memberships.length === 0) {
    return (
      <Panel flush>
        <Empty title="You don’t belong to an organization yet">
          <p>An administrator of your organization can invite you. The invitation comes by email.</p>
        </Empty>
      </Panel>
    );
  }
  return (
    <>
      {memberships.map(({ partnerId, partnerName, role }) => (
        <Panel key={partnerId} title={partnerName}>
          <p>
            <strong>{MEMBER_ROLE_NAMES[role]}</strong>: {MEMBER_ROLE_MEANINGS[role]}.
          </p>
          <p class="quiet small num">{partnerId}</p>
          <div class="tools">
            <ButtonLink href={`/portal/${partnerId}/live`}>
              Open<span class="visually-hidden"> {partnerName}</span>
            </ButtonLink>
            <ButtonLink href={`/portal/${partnerId}/test`} plain>
              Test mode<span class="visually-hidden"> of {partnerName}</span>
            </ButtonLink>
          </div>
        </Panel>
      ))}
    </>
  );
}

function OperatorPanel({ operator: { role } }: { operator: NonNullable<Presented['operator']> }): VNode {
  return (
    <Panel title="This MIR server">
      <p>
        You help operate this server. <strong>{OPERATOR_ROLE_NAMES[role]}</strong>: {OPERATOR_ROLE_MEANINGS[role]}.
      </p>
      <p>
        <ButtonLink href="/console" plain>
          Open the console
        </ButtonLink>
      </p>
    </Panel>
  );
}

function Organizations({ account, presented, passkeys, sessions }: Shown): VNode {
  const { memberships, operator } = presented;
  const { name, email, hasSecondFactor } = account;
  const isWeak = !hasSecondFactor && passkeys === 0;
  return (
    <AccountLayout
      account={account}
      title="Organizations"
      current="/portal"
      lead="Open an organization to see its events, users and keys."
    >
      <Split>
        <div>
          {(memberships.length > 0 || !operator) && <Memberships memberships={memberships} />}
          {operator && <OperatorPanel operator={operator} />}
        </div>
        <Panel title="You" action={<a href="/portal/account/security">Security</a>}>
          <Facts
            facts={[
              ['Name', <bdi>{name}</bdi>],
              ['Email address', email],
              ['Second factor', <FactorState isOn={hasSecondFactor} />],
              ['Passkeys', passkeys === 0 ? 'None' : String(passkeys)],
              ['Sessions', <a href="/portal/account/sessions">{sessions}</a>],
            ]}
          />
          {isWeak && (
            <p class="caution">
              Only a password protects your account. <a href="/portal/account/security">Add a passkey or a code</a>
            </p>
          )}
        </Panel>
      </Split>
    </AccountLayout>
  );
}

/** The first page after the log-in. */
export const portalPage = accountPage({
  method: 'GET',
  path: '/portal',
  handle: async ({ ctx, staff, account, call }) => {
    const [presented, passkeys, sessions] = await Promise.all([
      call<Presented>(getAccountRoute),
      ctx.store.passkeys.of(staff.staffId),
      ctx.store.staffSessions.ofStaff(staff.staffId),
    ]);
    const shown = { account, presented, passkeys: passkeys.length, sessions: sessions.length };
    return { html: <Organizations {...shown} /> };
  },
});
