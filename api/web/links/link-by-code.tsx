import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { type FoundRequest, findRequest, hashOfCode } from '../../links/find-link-request';
import { throttle, throttledAddress, type ThrottleRule } from '../../http/throttle';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { withNext } from '../http/next-path';
import { page, type PageCall } from '../http/page';
import { Consent } from './consent';
import { decide, outcomePage } from './decide';
import { readHistoryWith } from './read-history';

const WINDOW_SECONDS = 10 * 60;
/** With five tries a window, a code of 40 bits that lives as long cannot be found by trying. */
const WRONG_TRIES = 5;
const REJECTION = `After ${WRONG_TRIES} wrong codes there is a pause. Ask for a new code in the meantime.`;
const RULES = ['link-code-session', 'link-code-identity', 'link-code-address'].map((name): ThrottleRule => {
  return { name, points: WRONG_TRIES, seconds: WINDOW_SECONDS, rejection: REJECTION };
});

const WRONG: FormError = {
  field: 'code',
  message: 'This code is not known, or its ten minutes are over. Look at it again, or ask for a new one.',
};

function EnterCode({ errors = [], code = '' }: { errors?: FormError[]; code?: string }): VNode {
  return (
    <Layout title={titleWith(errors, 'Enter your code')}>
      <Heading>Enter your code</Heading>
      <p>A platform that you want to connect shows you a code of eight letters and digits. It works for ten minutes.</p>
      <ErrorSummary errors={errors} />
      <Form action="/link">
        <Field
          name="code"
          label="Code"
          hint="Like 7K2M-9QXD. Capitals and the dash do not matter."
          class="code"
          autocomplete="one-time-code"
          maxLength={20}
          value={code}
          errors={errors}
        />
        <Actions>
          <Button>Go on</Button>
        </Actions>
      </Form>
      <p class="quiet small">Nothing is connected before you have seen who asks and confirmed it.</p>
    </Layout>
  );
}

/** True for a code that is not known: it is shown as an error of its field. */
function isWrong(found: FoundRequest): boolean {
  return found.kind === 'REJECTED' && found.rejection === 'UNKNOWN';
}

/**
 * What a typed code stands for. Each try is counted before it is looked up, by session, by person and by address, and
 * given back when it was right: tries made at once cannot pass the limit together.
 */
async function tryCode({ ctx, ip, form }: PageCall, sessionId: string, identityId: IdentityId): Promise<FoundRequest> {
  const throttles = RULES.map((rule) => throttle(ctx, rule));
  const keys = [sessionId, identityId, throttledAddress(ip)];
  await Promise.all(throttles.map((one, n) => one.take(keys[n]!)));
  const found = await findRequest(ctx, hashOfCode(ctx, form['code'] ?? ''), identityId, new Date());
  if (!isWrong(found)) await Promise.all(throttles.map((one, n) => one.giveBack(keys[n]!)));
  return found;
}

/** `/link`: where codes are typed, after log-in only. */
export const codePage = page({
  method: 'GET',
  path: '/link',
  handle: ({ session }) => (session ? { html: <EnterCode /> } : { redirect: withNext('/login', '/link') }),
});

/** A typed code: the question, or what is wrong. The question's answer brings the code again. */
export const answerCode = page({
  method: 'POST',
  path: '/link',
  handle: async (call) => {
    const { ctx, session, form } = call;
    if (!session) return { redirect: withNext('/login', '/link') };
    const identityId = session.identityId as IdentityId;
    const code = form['code'] ?? '';
    const found = await tryCode(call, session.sessionId, identityId);
    if (isWrong(found)) return { status: 422, html: <EnterCode errors={[WRONG]} code={code} /> };
    if (found.kind !== 'OPEN') return outcomePage(found);
    const { request, partner } = found;
    const decided = await decide(call, identityId, request, partner);
    if (decided) return decided;
    const signals = await readHistoryWith(ctx, identityId, request, new Date());
    return { html: <Consent request={request} partner={partner} signals={signals} action="/link" code={code} /> };
  },
});
