import type { VNode } from 'preact';
import { MAX_USER_ID_LENGTH } from '../../../shared/domain/event';
import { resolveRoute } from '../../resolve/resolve';
import { Panel } from '../design/app-parts';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { errorsOf } from '../http/form-errors';
import { type Member, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';
import { SignalFacts, type Signals } from './signal-facts';

const PATH = '/users';
const MESSAGES = { userExternalId: `Enter your own ID of a user, at most ${MAX_USER_ID_LENGTH} characters.` };

function FindUser({
  member,
  user = '',
  signals,
  errors = [],
}: {
  member: Member;
  user?: string;
  signals?: Signals;
  errors?: FormError[];
}): VNode {
  return (
    <PortalLayout
      member={member}
      title={titleWith(errors, 'Users')}
      path={PATH}
      lead="What history exists for one of your users. MIR knows users only by a keyed hash, so there is no list."
    >
      <ErrorSummary errors={errors} />
      <Panel>
        <Form action={member.base + PATH}>
          <Field
            name="userExternalId"
            label="User"
            hint="Your own ID of the user."
            maxLength={MAX_USER_ID_LENGTH}
            value={user}
            errors={errors}
          />
          <Actions>
            <Button>Find</Button>
          </Actions>
        </Form>
      </Panel>
      {signals && (
        <Panel title={user}>
          <SignalFacts signals={signals} />
        </Panel>
      )}
    </PortalLayout>
  );
}

export const usersPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'resolve:read',
  handle: ({ member }) => ({ html: <FindUser member={member} /> }),
});

/** A POST, because IDs of users must not be in URLs. */
export const findUser = memberPage({
  method: 'POST',
  path: PATH,
  scope: 'resolve:read',
  handle: async ({ member, call, form }) => {
    const user = form['userExternalId'] ?? '';
    try {
      const signals = await call<Signals>(resolveRoute, { body: { userExternalId: user } });
      return {
        html: <FindUser member={member} user={user} signals={signals} />,
      };
    } catch (error) {
      return { status: 422, html: <FindUser member={member} user={user} errors={errorsOf(error, MESSAGES)} /> };
    }
  },
});
