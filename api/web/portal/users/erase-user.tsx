import type { VNode } from 'preact';
import type { z } from 'zod';
import { userExternalIdSchema } from '../../../../shared/domain/event';
import { tenantOf } from '../../../../shared/domain/ids';
import type { UserDoc } from '../../../../shared/store/users';
import { eraseUserRoute } from '../../../users/erase-user';
import { getErasureRoute } from '../../../users/get-erasure';
import type { erasureSchema } from '../../../users/present-erasure';
import { countOf, countText } from '../../design/count-text';
import { Panel, RelativeTime, Split, State } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Marks } from '../../design/text';
import { parseFields } from '../../http/form-errors';
import { hrefOf } from '../href';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';
import { FindUser, USER_MESSAGES } from './users';

const PATH = '/users';
/** How often the page about an erasure reloads while events are being deleted. */
const RELOAD_SECONDS = 2;

type Erasure = z.infer<typeof erasureSchema>;

/** What MIR has stored about a user for this organization. Null if it knows nothing about them. */
type Stored = Pick<UserDoc, 'eventCount' | 'firstEventAt' | 'lastEventAt' | 'identity'> | null;

function ChooseUser({
  member,
  user = '',
  errors = [],
}: {
  member: Member;
  user?: string;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout
      member={member}
      title="Erase a user"
      errors={errors}
      path={PATH}
      lead="When a user asks you to delete their data, erase them here, too. The next page shows what is deleted."
    >
      <FindUser action={`${member.base}${PATH}/erase`} button="Continue" user={user} errors={errors} />
    </PortalLayout>
  );
}

export const eraseUserPage = memberPage({
  method: 'GET',
  path: `${PATH}/erase`,
  scope: 'users:erase',
  recentLogIn: true,
  handle: ({ member }) => ({ html: <ChooseUser member={member} /> }),
});

function Preview({ stored }: { stored: Stored }): VNode {
  const events = stored?.eventCount ?? 0;
  const { firstEventAt, lastEventAt } = stored ?? {};
  return (
    <Split>
      <Panel title="What is deleted">
        <Facts
          facts={[
            ['Stored', events === 0 ? 'No events' : countOf(events, 'event')],
            firstEventAt ? ['First event', <RelativeTime at={firstEventAt} />] : null,
            lastEventAt ? ['Last event', <RelativeTime at={lastEventAt} />] : null,
            ['In the queue', 'Events that are still queued get the outcome “Erased”'],
            ['Link', stored?.identity ? 'The user is no longer linked to their MIR account' : 'None'],
            ['Link codes', 'Open codes and invitations of the user stop working'],
          ]}
        />
      </Panel>
      <Panel title="What remains">
        <Marks
          no
          items={[
            'A keyed hash of the user’s ID and the time of the erasure, to recognize events that are still in transit',
            'An audit entry that does not identify the user',
            'What other organizations submitted about the person',
            'The user’s MIR account, which belongs to them',
            'Copies in backups that were made before',
          ]}
        />
      </Panel>
    </Split>
  );
}

function EraseForm({
  member,
  user,
  stored,
  typed = '',
  errors = [],
}: {
  member: Member;
  user: string;
  stored: Stored;
  typed?: string;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout member={member} title="Erase a user" errors={errors} path={PATH}>
      <Preview stored={stored} />
      <Panel>
        <Form action={`${member.base}${PATH}/erase/order`} hidden={{ userExternalId: user }}>
          <Field
            name="confirmation"
            label={`Type ${user} to confirm`}
            hint="This cannot be undone. MIR asks for no reason, because a reason could identify the user in the audit log."
            autocomplete="off"
            value={typed}
            errors={errors}
          />
          <Actions>
            <Button kind="danger">Erase the user</Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

async function storedOf({ ctx, member: { partnerId, env } }: MemberCall, user: string): Promise<Stored> {
  const tenant = tenantOf(partnerId, env);
  return ctx.store.users.get(tenant, ctx.secrets.userRef(tenant, user));
}

/** Shows what would be deleted. A POST, because IDs of users must not be in URLs. */
export const previewErasure = memberPage({
  method: 'POST',
  path: `${PATH}/erase`,
  scope: 'users:erase',
  recentLogIn: true,
  handle: async (page) => {
    const { member, form } = page;
    const user = form['userExternalId'] ?? '';
    const { errors } = parseFields(userExternalIdSchema, user, {
      nameOf: () => 'userExternalId',
      textOf: () => USER_MESSAGES.userExternalId,
    });
    if (errors.length > 0) return { status: 422, html: <ChooseUser member={member} user={user} errors={errors} /> };
    return { html: <EraseForm member={member} user={user} stored={await storedOf(page, user)} /> };
  },
});

export const eraseUser = memberPage({
  method: 'POST',
  path: `${PATH}/erase/order`,
  scope: 'users:erase',
  recentLogIn: true,
  handle: async (page) => {
    const { member, call, form } = page;
    const user = form['userExternalId'] ?? '';
    const typed = form['confirmation'] ?? '';
    if (user === '' || typed !== user) {
      const errors = [{ field: 'confirmation', message: `Type the ID exactly: ${user}` }];
      return {
        status: 422,
        html: (
          <EraseForm member={member} user={user} stored={await storedOf(page, user)} typed={typed} errors={errors} />
        ),
      };
    }
    const { receiptId } = await call<Erasure>(eraseUserRoute, { body: { userExternalId: user } });
    return { redirect: hrefOf(`${member.base}${PATH}/erasure`, { erasure: receiptId }) };
  },
});

function ErasureView({ member, erasure }: { member: Member; erasure: Erasure }): VNode {
  const { receiptId, status, erasedAt, eventsErased, settledAt } = erasure;
  const isDone = status === 'DONE';
  return (
    <PortalLayout
      member={member}
      title={isDone ? 'The user is erased' : 'Erasing the user'}
      path={PATH}
      lead={
        isDone
          ? 'None of the events up to that time is stored or queued. This page is available for 30 days.'
          : 'The events no longer count, and are being deleted. This page reloads until none is left.'
      }
    >
      <Panel>
        <Facts
          facts={[
            ['State', isDone ? <State kind="active">Deleted</State> : <State kind="pending">Being deleted</State>],
            ['Events up to', <RelativeTime at={new Date(erasedAt)} />],
            ['Events deleted', countText(eventsErased)],
            ['Completed', settledAt === null ? 'Not yet' : <RelativeTime at={new Date(settledAt)} />],
            ['Erasure ID', <code>{receiptId}</code>],
          ]}
        />
        <Actions>
          <ButtonLink href={member.base + PATH} plain>
            Back to users
          </ButtonLink>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

export const erasurePage = memberPage({
  method: 'GET',
  path: `${PATH}/erasure`,
  scope: 'users:erase',
  handle: async ({ member, call, query }) => {
    const erasure = await call<Erasure>(getErasureRoute, { params: { receiptId: query['erasure'] ?? '' } });
    return {
      // Works without scripts.
      headers: erasure.status === 'DONE' ? {} : { Refresh: String(RELOAD_SECONDS) },
      html: <ErasureView member={member} erasure={erasure} />,
    };
  },
});
