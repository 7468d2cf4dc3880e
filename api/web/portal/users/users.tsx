import type { VNode } from 'preact';
import { MAX_USER_ID_LENGTH } from '../../../../shared/domain/event';
import { listEventsRoute } from '../../../events/list-events';
import { getLinkStatusRoute } from '../../../links/get-link-status';
import { resolveRoute } from '../../../resolve/resolve';
import { Empty, Panel, RelativeTime, Split, State } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, Form, type FormError } from '../../design/form';
import { Facts } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { type Events, EventTable } from '../events/event-parts';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';
import { SignalFacts, type Signals } from '../signal-facts';

const PATH = '/users';
const EVENTS_SHOWN = '10';

export const USER_MESSAGES = {
  userExternalId: `Enter your own ID of a user, at most ${MAX_USER_ID_LENGTH} characters.`,
};

interface LinkStatus {
  linked: boolean;
  linkedAt: string | null;
  pending: { kind: 'INVITE' | 'CODE'; expiresAt: string } | null;
}

interface Found {
  signals: Signals;
  link: LinkStatus;
  events: Events;
}

interface OpenButtonProps {
  action: string;
  user: string;
  kind: 'primary' | 'plain';
  children: string;
}

/** A form that finds a user. Posts the ID, so that it is in no address. */
export function FindUser({
  action,
  button = 'Find',
  isMain = true,
  user = '',
  errors = [],
}: {
  action: string;
  button?: string;
  /** False if another action of the page matters more. */
  isMain?: boolean;
  user?: string;
  errors?: readonly FormError[];
}): VNode {
  return (
    <Panel>
      <Form action={action} class="search">
        <Field
          name="userExternalId"
          label="User"
          hint="Your own ID of the user."
          autocomplete="off"
          maxLength={MAX_USER_ID_LENGTH}
          value={user}
          errors={errors}
        />
        <Button kind={isMain ? 'primary' : 'plain'}>{button}</Button>
      </Form>
    </Panel>
  );
}

function LinkFacts({ link: { linked, linkedAt, pending } }: { link: LinkStatus }): VNode {
  return (
    <Facts
      facts={[
        [
          'State',
          linked ? (
            <State kind="active">Linked</State>
          ) : pending ? (
            <State kind="pending">Waiting for the user</State>
          ) : (
            <State kind="suspended">Not linked</State>
          ),
        ],
        linkedAt === null ? null : ['Since', <RelativeTime at={new Date(linkedAt)} />],
        pending === null
          ? null
          : [
              pending.kind === 'INVITE' ? 'Open invitation' : 'Open link code',
              <>
                Expires <RelativeTime at={new Date(pending.expiresAt)} />
              </>,
            ],
      ]}
    />
  );
}

/** A button that opens a page about the user. Posts the ID, so that it is in no address. */
function OpenButton({ action, user, kind, children }: OpenButtonProps): VNode {
  return (
    <Actions>
      <Form action={action} class="plain-form" hidden={{ userExternalId: user }}>
        <Button kind={kind}>{children}</Button>
      </Form>
    </Actions>
  );
}

function FoundUser({ member, user, found }: { member: Member; user: string; found: Found }): VNode {
  const { signals, link, events } = found;
  const { base, scopes } = member;
  return (
    <>
      <Split>
        <Panel title={user}>
          <SignalFacts signals={signals} />
        </Panel>
        <div>
          <Panel title="Link to a MIR account">
            <LinkFacts link={link} />
            {scopes.includes('links:write') && !link.linked && (
              <OpenButton action={`${base}${PATH}/connect`} user={user} kind="primary">
                Connect…
              </OpenButton>
            )}
          </Panel>
          {scopes.includes('users:erase') && (
            <Panel title="If the user wants to be deleted">
              <p class="quiet">You see what is deleted before you confirm.</p>
              <OpenButton action={`${base}${PATH}/erase`} user={user} kind="plain">
                Erase…
              </OpenButton>
            </Panel>
          )}
        </div>
      </Split>
      <Panel title="Your last events about this user" flush>
        {events.data.length === 0 ? (
          <Empty title="No events">
            <p>You have not submitted any event about this user in this environment, or they were erased.</p>
          </Empty>
        ) : (
          <EventTable base={base} caption="Last events" events={events.data} />
        )}
      </Panel>
    </>
  );
}

function Users({
  member,
  user = '',
  found,
  errors = [],
}: {
  member: Member;
  user?: string;
  found?: Found;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout
      member={member}
      title="Users"
      errors={errors}
      path={PATH}
      lead="What history exists for one of your users. MIR knows users only by a keyed hash, so there is no list."
    >
      <FindUser action={member.base + PATH} isMain={!found} user={user} errors={errors} />
      {found && <FoundUser member={member} user={user} found={found} />}
    </PortalLayout>
  );
}

export const usersPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'resolve:read',
  handle: ({ member }) => ({ html: <Users member={member} /> }),
});

async function find({ call }: MemberCall, userExternalId: string): Promise<Found> {
  const query = { userExternalId };
  const [signals, link, events] = await Promise.all([
    call<Signals>(resolveRoute, { body: { userExternalId } }),
    call<LinkStatus>(getLinkStatusRoute, { query }),
    call<Events>(listEventsRoute, { query: { ...query, limit: EVENTS_SHOWN } }),
  ]);
  return { signals, link, events };
}

/** A POST, because IDs of users must not be in URLs. */
export const findUser = memberPage({
  method: 'POST',
  path: PATH,
  scope: 'resolve:read',
  handle: async (page) => {
    const { member, form } = page;
    const user = form['userExternalId'] ?? '';
    try {
      return { html: <Users member={member} user={user} found={await find(page, user)} /> };
    } catch (error) {
      const errors = errorsOf(error, USER_MESSAGES);
      return { status: 422, html: <Users member={member} user={user} errors={errors} /> };
    }
  },
});
