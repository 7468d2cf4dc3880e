import type { VNode } from 'preact';
import { MirError } from '../../../../shared/errors';
import { staffCookie } from '../../../accounts/staff-cookie';
import { endSession } from '../../../staff/end-sessions';
import { logInWithPasskey, passkeyLogInSchema, startPasskeyLogIn } from '../../../staff/log-in-with-passkey';
import { Actions, Button, ButtonLink, ErrorSummary, type FormError, titleWith } from '../../design/form';
import { Layout } from '../../design/layout';
import { PasskeyForm } from '../../design/passkey-form';
import { Heading } from '../../design/text';
import { parseFields } from '../../http/form-errors';
import { page } from '../../http/page';
import { passkeyResponse } from '../passkey-response';

const PORTAL = '/portal';
const LOG_IN = '/portal/login';
const PATH = '/portal/login/passkey';

const NOT_ACCEPTED: FormError = {
  field: '',
  message: 'No account has this passkey, or the page was open for too long. Try again, or log in with your password.',
};

type Ceremony = Awaited<ReturnType<typeof startPasskeyLogIn>>;

function PasskeyLogIn({ ceremony, errors = [] }: { ceremony: Ceremony; errors?: FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Log in with a passkey')}>
      <Heading>Log in with a passkey</Heading>
      <ErrorSummary errors={errors} />
      <div data-without-passkeys>
        <p>
          This needs JavaScript, and a browser that supports passkeys. Your password works without:{' '}
          <a href={LOG_IN}>log in with it</a>.
        </p>
      </div>
      <PasskeyForm action={PATH} kind="use" ceremony={ceremony} starts={errors.length === 0}>
        <p>A passkey replaces your password and the code. Your browser asks you for it.</p>
        <Actions>
          <Button>Use my passkey</Button>
          <ButtonLink href={LOG_IN} plain>
            Use my password
          </ButtonLink>
        </Actions>
      </PasskeyForm>
    </Layout>
  );
}

export const passkeyLogInPage = page({
  method: 'GET',
  path: PATH,
  always: true,
  staff: 'optional',
  scripts: true,
  handle: async ({ ctx, staff, ip, crossSite }) => {
    if (staff) return { redirect: PORTAL };
    // Other sites could otherwise use up the attempts of the person's address.
    if (crossSite) return { redirect: LOG_IN };
    return { html: <PasskeyLogIn ceremony={await startPasskeyLogIn(ctx, ip)} /> };
  },
});

/** Receives the browser's response to the challenge. */
export const passkeyLogIn = page({
  method: 'POST',
  path: PATH,
  always: true,
  staff: 'optional',
  scripts: true,
  handle: async ({ ctx, form, ip, staff, userAgent, log, requestId }) => {
    const input = { challengeId: form['challengeId'], response: passkeyResponse(form['response']) };
    const { data } = parseFields(passkeyLogInSchema, input);
    try {
      if (data === null) throw new MirError('LOG_IN_FAILED', 'the response is malformed');
      const started = await logInWithPasskey(ctx, data, { ip, userAgent });
      if (staff) await endSession(ctx, staff.staffId, staff.sessionId);
      log.info({ requestId, staffId: started.session.staffId }, 'staff logged in with a passkey');
      return { redirect: PORTAL, cookies: [staffCookie(ctx, started)] };
    } catch (error) {
      if (!(error instanceof MirError) || error.code !== 'LOG_IN_FAILED') throw error;
      const ceremony = await startPasskeyLogIn(ctx, ip);
      return { status: 422, html: <PasskeyLogIn ceremony={ceremony} errors={[NOT_ACCEPTED]} /> };
    }
  },
});
