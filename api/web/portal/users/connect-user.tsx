import type { VNode } from 'preact';
import { CODE_SECONDS, DEFAULT_INVITE_SECONDS, MAX_LABEL_LENGTH } from '../../../../shared/domain/link';
import { createInviteRoute } from '../../../links/create-invite';
import { createLinkCodeRoute } from '../../../links/create-link-code';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';
import { USER_MESSAGES } from './users';

const PATH = '/users';
const DAY_SECONDS = 86_400;

interface Created {
  /** Set for a link code. */
  code?: string;
  url: string;
  expiresAt: string;
}

function Connect({
  member,
  user,
  label = '',
  errors = [],
}: {
  member: Member;
  user: string;
  label?: string | undefined;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout
      member={member}
      title="Connect a user"
      errors={errors}
      path={PATH}
      lead="The person decides: they see who asks, and what you will see, before they connect their MIR account."
    >
      <Panel title={user}>
        <Form action={`${member.base}${PATH}/connect/create`} hidden={{ userExternalId: user }}>
          <Field
            name="accountLabel"
            label="Account"
            hint="Optional. How the person knows their account with you, such as a masked email address. MIR shows it to them."
            autocomplete="off"
            maxLength={MAX_LABEL_LENGTH}
            optional
            value={label}
            errors={errors}
          />
          <p class="quiet">
            A code is for someone who is talking to you: they type it within {CODE_SECONDS / 60} minutes. An invitation
            is a link that you send them. It works once, for {DEFAULT_INVITE_SECONDS / DAY_SECONDS} days.
          </p>
          <Actions>
            <Button name="kind" value="CODE">
              Create a link code
            </Button>
            <Button kind="plain" name="kind" value="INVITE">
              Create an invitation
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

function CreatedRequest({ member, user, created }: { member: Member; user: string; created: Created }): VNode {
  const { code, url, expiresAt } = created;
  return (
    <PortalLayout
      member={member}
      title={code ? 'Give this code to the user' : 'Send this link to the user'}
      path={PATH}
    >
      <Panel title={user}>
        <p>
          {code
            ? 'The user logs in to MIR and types it. It works once, and earlier codes of this user no longer work.'
            : 'The user opens it and logs in to MIR. It works once, so do not open it yourself.'}{' '}
          This is the only time that it can be shown.
        </p>
        <Secret id="link-secret">{code ?? url}</Secret>
        <Facts
          facts={[
            code ? ['Where to type it', url] : null,
            ['Stops working', <RelativeTime at={new Date(expiresAt)} />],
          ]}
        />
        <Actions>
          <Form action={member.base + PATH} class="plain-form" hidden={{ userExternalId: user }}>
            <Button>Back to the user</Button>
          </Form>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

/** A POST, like all pages that get the ID of a user. Changes nothing. */
export const connectUserPage = memberPage({
  method: 'POST',
  path: `${PATH}/connect`,
  scope: 'links:write',
  handle: ({ member, form }) => {
    const user = form['userExternalId'] ?? '';
    return user === '' ? { redirect: member.base + PATH } : { html: <Connect member={member} user={user} /> };
  },
});

/** The form names the user, but has no field for it. */
const nameOf = ({ path }: { path: string }): string => (path === 'userExternalId' ? '' : path);

export const connectUser = memberPage({
  method: 'POST',
  path: `${PATH}/connect/create`,
  scope: 'links:write',
  handle: async ({ member, call, form }) => {
    const user = form['userExternalId'] ?? '';
    const label = (form['accountLabel'] ?? '').trim();
    const route = form['kind'] === 'INVITE' ? createInviteRoute : createLinkCodeRoute;
    try {
      const body = { userExternalId: user, ...(label && { accountLabel: label }) };
      return {
        html: <CreatedRequest member={member} user={user} created={await call<Created>(route, { body })} />,
      };
    } catch (error) {
      const errors = errorsOf(error, { '': USER_MESSAGES.userExternalId }, { nameOf });
      return { status: 422, html: <Connect member={member} user={user} label={label} errors={errors} /> };
    }
  },
});
