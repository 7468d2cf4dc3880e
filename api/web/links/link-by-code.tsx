import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { type FoundRequest, findRequest, hashOfCode } from '../../links/find-link-request';
import { throttle, throttledAddress, type ThrottleRule } from '../../http/throttle';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Field } from '../design/controls';
import { Actions, Button, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { withNext } from '../http/next-path';
import { page, type PageCall } from '../http/page';
import { Consent } from './consent';
import { decide, outcomePage } from './decide';
import { readHistoryWith } from '../../links/read-history';

const WINDOW_SECONDS = 10 * 60;
/**
 * Maximum number of wrong codes per window, low enough to make guessing a 40-bit code infeasible. A code expires after
 * one window.
 */
const MAX_WRONG_CODES = 5;
const REJECTION = 'Too many wrong codes were entered. Ask the platform for a new code.';
const RULES = ['link-code-session', 'link-code-identity', 'link-code-address'].map((name): ThrottleRule => {
  return { name, points: MAX_WRONG_CODES, seconds: WINDOW_SECONDS, rejection: REJECTION };
});

const WRONG: FormError = {
  field: 'code',
  message: 'This code is wrong or has expired. Check it, or ask the platform for a new one.',
};

function EnterCode({ errors = [], code = '' }: { errors?: FormError[]; code?: string }): VNode {
  return (
    <Layout title={titleWith(errors, 'Enter your code')} beside>
      <Heading>Enter your code</Heading>
      <p>
        The platform you want to connect shows you a code with eight letters and digits. The code works for ten minutes.
      </p>
      <Beside
        summary={
          <Panel>
            <p class="quiet">Nothing is connected until you see who is asking and confirm.</p>
          </Panel>
        }
      >
        <ErrorSummary errors={errors} />
        <Panel>
          <Form action="/link">
            <Field
              name="code"
              label="Code"
              hint="For example, 7K2M-9QXD. You can type lowercase letters and leave out the dash."
              class="code"
              autocomplete="one-time-code"
              maxLength={20}
              value={code}
              errors={errors}
            />
            <Actions>
              <Button>Continue</Button>
            </Actions>
          </Form>
        </Panel>
      </Beside>
    </Layout>
  );
}

/** Returns true if the code is unknown, which the form shows as a field error. */
function isUnknown(found: FoundRequest): boolean {
  return found.kind === 'REJECTED' && found.rejection === 'UNKNOWN';
}

/**
 * Looks up a typed code. Counts the attempt first, by session, account and IP address, and refunds it if the code is
 * known. Concurrent attempts therefore cannot exceed the limit.
 */
async function lookUpCode(
  { ctx, ip, form }: PageCall,
  sessionId: string,
  identityId: IdentityId,
): Promise<FoundRequest> {
  const throttles = RULES.map((rule) => throttle(ctx, rule));
  const keys = [sessionId, identityId, throttledAddress(ip)];
  await Promise.all(throttles.map((one, n) => one.take(keys[n]!)));
  const found = await findRequest(ctx, hashOfCode(ctx, form['code'] ?? ''), identityId, new Date());
  if (!isUnknown(found)) await Promise.all(throttles.map((one, n) => one.giveBack(keys[n]!)));
  return found;
}

/** The form for link codes. Requires login. */
export const codePage = page({
  method: 'GET',
  path: '/link',
  handle: ({ session }) => (session ? { html: <EnterCode /> } : { redirect: withNext('/login', '/link') }),
});

/** Handles a typed code. The consent form posts the code again, together with the decision. */
export const submitCode = page({
  method: 'POST',
  path: '/link',
  handle: async (call) => {
    const { ctx, session, form } = call;
    if (!session) return { redirect: withNext('/login', '/link') };
    const identityId = session.identityId as IdentityId;
    const code = form['code'] ?? '';
    const found = await lookUpCode(call, session.sessionId, identityId);
    if (isUnknown(found)) return { status: 422, html: <EnterCode errors={[WRONG]} code={code} /> };
    if (found.kind !== 'OPEN') return outcomePage(found);
    const { request, partner } = found;
    const decided = await decide(call, identityId, request, partner);
    if (decided) return decided;
    const signals = await readHistoryWith(ctx, identityId, request, new Date());
    return { html: <Consent request={request} partner={partner} signals={signals} action="/link" code={code} /> };
  },
});
