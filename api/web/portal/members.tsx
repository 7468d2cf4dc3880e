import type { VNode } from 'preact';
import { MEMBER_ROLE_NAMES, MEMBER_ROLES } from '../../../shared/domain/roles';
import { PublicError } from '../../http/public-error';
import { createInvitationRoute } from '../../members/create-invitation';
import { deleteInvitationRoute } from '../../members/delete-invitation';
import { listInvitationsRoute } from '../../members/list-invitations';
import { listMembersRoute } from '../../members/list-members';
import { presentMember, type PresentedInvitation, type PresentedMember } from '../../members/member-schemas';
import { removeMemberRoute } from '../../members/remove-member';
import { updateMemberRoute } from '../../members/update-member';
import { doneText } from '../design/done-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime } from '../design/app-parts';
import { Field } from '../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../design/form';
import { type SortableColumn, sortTable } from '../design/sort-table';
import { Facts } from '../design/text';
import type { Fields } from '../http/page';
import { errorsOf } from '../http/form-errors';
import { type Member, type MemberCall, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';
import { RoleChoice } from './role-choice';

const PATH = '/members';

/** Maps values of `done` to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  invited: 'The invitation is on its way. It is valid for a week.',
  withdrawn: 'The invitation no longer works.',
  changed: 'The role is changed. It applies at once.',
  removed: 'The person is no longer a member, and is logged out of this organization.',
};

interface Shown {
  members: readonly PresentedMember[];
  nextCursor: string | null;
  invitations: readonly PresentedInvitation[];
}

const COLUMNS: readonly SortableColumn<PresentedMember>[] = [
  { text: 'Name', name: 'name', by: ({ name }) => name },
  { text: 'Email address', name: 'email', by: ({ email }) => email },
  { text: 'Role', name: 'role', by: ({ role }) => MEMBER_ROLES.indexOf(role) },
  { text: 'Second factor', name: 'factor', by: ({ hasSecondFactor }) => Number(hasSecondFactor) },
  { text: 'Member since', name: 'since', by: ({ createdAt }) => Date.parse(createdAt) },
];

/** The members in the order that the query asks for. A page of a longer list keeps its order. */
function sorted({ members, nextCursor }: Shown, query: Fields, href: string) {
  if (nextCursor !== null || query['cursor'] !== undefined) {
    return { items: members, columns: COLUMNS.map(({ text }) => ({ text })) };
  }
  return sortTable(members, COLUMNS, { query, href, initial: { name: 'since', order: 'desc' } });
}

function MemberList({ member, shown, query }: { member: Member; shown: Shown; query: Fields }): VNode {
  const { nextCursor, invitations } = shown;
  const done = doneText(DONE, query['done']);
  const { items, columns } = sorted(shown, query, member.base + PATH);
  const mayManage = member.scopes.includes('members:manage');
  return (
    <PortalLayout
      member={member}
      title="Members"
      path={PATH}
      done={done}
      lead="People who may act for your organization. Membership and roles apply to both environments."
      action={mayManage && <ButtonLink href={`${member.base}${PATH}/invite`}>Invite a member</ButtonLink>}
    >
      <Panel flush>
        <DataTable
          caption="Members"
          columns={[...columns, ...(mayManage ? [{ text: 'Action' }] : [])]}
          rows={items.map(({ memberId, name, email, role, hasSecondFactor, createdAt }) => ({
            key: memberId,
            cells: [
              <bdi>{name}</bdi>,
              email,
              MEMBER_ROLE_NAMES[role],
              hasSecondFactor ? 'On' : 'Off',
              <RelativeTime at={new Date(createdAt)} />,
              ...(mayManage
                ? [
                    <a href={`${member.base}${PATH}/change?member=${memberId}`} aria-label={`Change ${name}`}>
                      Change
                    </a>,
                  ]
                : []),
            ],
          }))}
        />
        <NextPage href={member.base + PATH} cursor={nextCursor} />
      </Panel>
      <Panel title="Open invitations" flush>
        {invitations.length === 0 ? (
          <Empty title="None">
            <p>People whom you invite appear here until they accept.</p>
          </Empty>
        ) : (
          <DataTable
            caption="Open invitations"
            columns={[
              { text: 'Email address' },
              { text: 'Role' },
              { text: 'Expires' },
              ...(mayManage ? [{ text: 'Action' }] : []),
            ]}
            rows={invitations.map(({ invitationId, email, role, expiresAt }) => ({
              key: invitationId,
              cells: [
                email,
                MEMBER_ROLE_NAMES[role],
                <RelativeTime at={new Date(expiresAt)} />,
                ...(mayManage
                  ? [
                      <Form
                        action={`${member.base}${PATH}/withdraw`}
                        class="plain-form"
                        hidden={{ invitation: invitationId }}
                      >
                        <button class="link-button" aria-label={`Withdraw the invitation of ${email}`}>
                          Withdraw
                        </button>
                      </Form>,
                    ]
                  : []),
              ],
            }))}
          />
        )}
      </Panel>
    </PortalLayout>
  );
}

export const membersPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'members:read',
  handle: async ({ member, call, query }) => {
    const cursor = query['cursor'];
    const [members, invitations] = await Promise.all([
      call<{ data: PresentedMember[]; nextCursor: string | null }>(listMembersRoute, {
        query: { ...(cursor && { cursor }) },
      }),
      call<{ data: PresentedInvitation[] }>(listInvitationsRoute),
    ]);
    const shown = { members: members.data, nextCursor: members.nextCursor, invitations: invitations.data };
    return { html: <MemberList member={member} shown={shown} query={query} /> };
  },
});

function Invite({ member, form = {}, errors = [] }: { member: Member; form?: Fields; errors?: FormError[] }): VNode {
  return (
    <PortalLayout member={member} title="Invite a member" errors={errors} path={PATH}>
      <Panel>
        <Form action={`${member.base}${PATH}/invite`}>
          <Field
            name="email"
            label="Email address"
            type="email"
            hint="The person gets a link, which is valid for a week."
            value={form['email'] ?? ''}
            errors={errors}
          />
          <RoleChoice current={form['role'] ?? 'VIEWER'} errors={errors} />
          <Actions>
            <Button>Send the invitation</Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const invitePage = memberPage({
  method: 'GET',
  path: `${PATH}/invite`,
  scope: 'members:manage',
  recentLogIn: true,
  handle: ({ member }) => ({ html: <Invite member={member} /> }),
});

export const invite = memberPage({
  method: 'POST',
  path: `${PATH}/invite`,
  scope: 'members:manage',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    try {
      await call(createInvitationRoute, { body: { email: (form['email'] ?? '').trim(), role: form['role'] ?? '' } });
      return { redirect: `${member.base}${PATH}?done=invited` };
    } catch (error) {
      const errors = errorsOf(error, { email: 'Enter an email address.', role: 'Choose a role.' });
      return { status: 422, html: <Invite member={member} form={form} errors={errors} /> };
    }
  },
});

export const withdrawInvitation = memberPage({
  method: 'POST',
  path: `${PATH}/withdraw`,
  scope: 'members:manage',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    await call(deleteInvitationRoute, { params: { id: form['invitation'] ?? '' } });
    return { redirect: `${member.base}${PATH}?done=withdrawn` };
  },
});

async function chosenMember({ ctx, member }: MemberCall, memberId: string | undefined): Promise<PresentedMember> {
  const found = await ctx.store.members.get(member.partnerId, memberId ?? '');
  const account = found && (await ctx.store.staff.many([found.staffId])).get(found.staffId);
  if (!found || !account) throw new PublicError('NOT_FOUND', 'The person is no longer a member.');
  return presentMember(found, account);
}

function Change({
  member,
  person: { memberId, name, email, role },
  chosen = role,
  errors = [],
}: {
  member: Member;
  person: PresentedMember;
  chosen?: string | undefined;
  errors?: FormError[];
}): VNode {
  return (
    <PortalLayout member={member} title={`Change ${name}`} errors={errors} path={PATH}>
      <Panel>
        <Facts
          facts={[
            ['Email address', email],
            ['Role', MEMBER_ROLE_NAMES[role]],
          ]}
        />
        <Form action={`${member.base}${PATH}/change`} hidden={{ member: memberId }}>
          <RoleChoice current={chosen} errors={errors} />
          <Actions>
            <Button name="action" value="change">
              Change the role
            </Button>
            <Button kind="danger" name="action" value="remove">
              Remove from the organization
            </Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const changeMemberPage = memberPage({
  method: 'GET',
  path: `${PATH}/change`,
  scope: 'members:manage',
  recentLogIn: true,
  handle: async (page) => ({
    html: <Change member={page.member} person={await chosenMember(page, page.query['member'])} />,
  }),
});

export const changeMember = memberPage({
  method: 'POST',
  path: `${PATH}/change`,
  scope: 'members:manage',
  recentLogIn: true,
  handle: async (page) => {
    const { member, call, form } = page;
    const params = { id: form['member'] ?? '' };
    const removes = form['action'] === 'remove';
    try {
      if (removes) await call(removeMemberRoute, { params });
      else await call(updateMemberRoute, { params, body: { role: form['role'] ?? '' } });
    } catch (error) {
      const errors = errorsOf(error, { role: `Choose one of ${MEMBER_ROLES.length} roles.` });
      const person = await chosenMember(page, form['member']);
      return { status: 422, html: <Change member={member} person={person} chosen={form['role']} errors={errors} /> };
    }
    if (removes && params.id === member.memberId) return { redirect: '/portal' };
    return { redirect: `${member.base}${PATH}?done=${removes ? 'removed' : 'changed'}` };
  },
});
