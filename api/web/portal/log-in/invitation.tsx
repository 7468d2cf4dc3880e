import type { VNode } from 'preact';
import { MAX_PERSON_NAME_LENGTH } from '../../../http/lengths';
import { OPERATORS, type MemberInvitationDoc } from '../../../../shared/store/members';
import { nameProblem } from '../../../../shared/domain/text';
import type { ApiContext } from '../../../context';
import { acceptInvitation, findInvitation } from '../../../staff/accept-invitation';
import { countSecret } from '../../../staff/throttles';
import { PASSWORD_HINT, passwordErrors } from '../../auth/form-fields';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../../design/form';
import { Layout } from '../../design/layout';
import { Heading } from '../../design/text';
import { page } from '../../http/page';

const GONE = 410;
const PATH = '/portal/invitation';

interface Shown {
  token: string;
  email: string;
  /** Name of the partner. Null for an operator of this server. */
  partner: string | null;
  /** True if the address has an account already. */
  hasAccount: boolean;
}

async function shownOf(
  { store }: Pick<ApiContext, 'store'>,
  token: string,
  { organization, email }: MemberInvitationDoc,
): Promise<Shown> {
  const partner = organization === OPERATORS ? null : await store.partners.get(organization);
  const account = await store.staff.byEmail(email);
  return { token, email, partner: partner?.name ?? null, hasAccount: account !== null };
}

function Invitation({
  shown: { token, email, partner, hasAccount },
  name = '',
  errors = [],
}: {
  shown: Shown;
  name?: string;
  errors?: FormError[];
}): VNode {
  const title = partner === null ? 'Help operate this MIR server' : `Join ${partner}`;
  return (
    <Layout title={titleWith(errors, title)}>
      <Heading>{title}</Heading>
      <p>
        {partner === null ? (
          <>You’re invited to help operate this MIR server, with the email address </>
        ) : (
          <>You’re invited to become a member of {partner} on MIR, with the email address </>
        )}
        <strong>{email}</strong>. Other members see this address and your name.
      </p>
      <ErrorSummary errors={errors} />
      <Form action={PATH} hidden={{ token }}>
        {!hasAccount && (
          <>
            <Field
              name="name"
              label="Your name"
              autocomplete="name"
              maxLength={MAX_PERSON_NAME_LENGTH}
              value={name}
              errors={errors}
            />
            {/* Password managers save the password under this username. */}
            <input type="text" name="username" value={email} autocomplete="username" readOnly hidden />
            <Field
              name="password"
              label="Password"
              type="password"
              autocomplete="new-password"
              hint={PASSWORD_HINT}
              errors={errors}
            />
          </>
        )}
        <Actions>
          <Button>Accept invitation</Button>
        </Actions>
      </Form>
      <p class="quiet">If you don’t expect this invitation, close this page. Nothing happens then.</p>
    </Layout>
  );
}

function InvalidInvitation(): VNode {
  return (
    <Layout title="This invitation no longer works">
      <Heading>This invitation no longer works</Heading>
      <p>It has expired, was withdrawn or was already accepted. Ask the person who invited you for a new one.</p>
      <Actions>
        <ButtonLink href="/portal/login">Go to the login page</ButtonLink>
      </Actions>
    </Layout>
  );
}

const invalid = (): { status: number; html: VNode } => ({ status: GONE, html: <InvalidInvitation /> });

function nameErrors(name: string): FormError[] {
  if (name === '') return [{ field: 'name', message: 'Enter your name.' }];
  const problem =
    name.length > MAX_PERSON_NAME_LENGTH ? `Use at most ${MAX_PERSON_NAME_LENGTH} characters.` : nameProblem(name);
  return problem === null ? [] : [{ field: 'name', message: problem }];
}

/** Opening the page changes nothing, because email scanners open links, too. */
export const invitationPage = page({
  method: 'GET',
  path: PATH,
  always: true,
  staff: 'optional',
  tokenInUrl: true,
  handle: async ({ ctx, query }) => {
    const token = query['token'] ?? '';
    const invitation = await findInvitation(ctx, token);
    return invitation ? { html: <Invitation shown={await shownOf(ctx, token, invitation)} /> } : invalid();
  },
});

export const acceptInvitationPage = page({
  method: 'POST',
  path: PATH,
  always: true,
  staff: 'optional',
  tokenInUrl: true,
  handle: async ({ ctx, form, ip, requestId }) => {
    await countSecret(ctx, ip);
    const token = form['token'] ?? '';
    const invitation = await findInvitation(ctx, token);
    if (!invitation) return invalid();
    const shown = await shownOf(ctx, token, invitation);
    const name = (form['name'] ?? '').trim();
    const password = form['password'] ?? '';
    const errors = shown.hasAccount ? [] : [...nameErrors(name), ...passwordErrors(password)];
    if (errors.length > 0) return { status: 422, html: <Invitation shown={shown} name={name} errors={errors} /> };
    await acceptInvitation(ctx, { token, ...(shown.hasAccount ? {} : { name, password }) }, requestId);
    return { redirect: '/portal/login?done=joined' };
  },
});
