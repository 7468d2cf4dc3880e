import type { VNode } from 'preact';
import { APPLICATION_LINK_DAYS } from '../../../shared/domain/mailed-link';
import type { ApplicationDoc } from '../../../shared/store/applications';
import { throttle, throttledAddress, type ThrottleRule } from '../../http/throttle';
import { confirmAddress, findByMailedSecret } from '../../partners/confirm-address';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Day, Heading, Notice } from '../design/text';
import { page, type PageResponse } from '../http/page';
import { ApplicationStatusFacts } from './application-status';

const GONE = 410;
const DAY_MS = 24 * 3_600_000;
const PATH = '/partners/applications/confirm';

const ATTEMPTS: ThrottleRule = {
  name: 'application-confirm',
  points: 30,
  seconds: 3_600,
  rejection: 'Too many attempts to confirm an address.',
};

function Confirm({
  application: { name, contactEmail },
  token,
}: {
  application: ApplicationDoc;
  token: string;
}): VNode {
  return (
    <Layout title="Confirm your email address">
      <Heading>Confirm your email address</Heading>
      <p>
        <bdi>{name}</bdi> applied to become a partner of this MIR server, with the address{' '}
        <strong>{contactEmail}</strong>. Confirm that the address is yours, so that we can email you the decision.
      </p>
      <Form action={PATH} hidden={{ token }}>
        <Actions>
          <Button>Confirm address</Button>
        </Actions>
      </Form>
      <p class="quiet">If you didn’t apply, or this isn’t your email address, close this page.</p>
    </Layout>
  );
}

function Status({ application }: { application: ApplicationDoc }): VNode {
  const linkExpiresAt = new Date(application.createdAt.getTime() + APPLICATION_LINK_DAYS * DAY_MS);
  return (
    <Layout title="Your application">
      <Heading>Your application</Heading>
      <Notice>
        <p>Your email address is confirmed.</p>
      </Notice>
      <ApplicationStatusFacts application={application} />
      <p class="quiet">
        To look up the status later, open the link in our email again until <Day at={linkExpiresAt} />, or{' '}
        <a href="/partners/status">enter the application ID and your email address</a>.
      </p>
    </Layout>
  );
}

const invalidLink: PageResponse = {
  status: GONE,
  html: (
    <Layout title="This link no longer works">
      <Heading>This link no longer works</Heading>
      <p>The link has expired or is incomplete. To get a new link, send your application again.</p>
      <Actions>
        <ButtonLink href="/partners/apply">Apply again</ButtonLink>
      </Actions>
    </Layout>
  ),
};

/**
 * The page behind the link in the email to an applicant. Opening it does not confirm the address, because email
 * scanners also open links. Once the address is confirmed, it shows the status of the application.
 */
export const confirmPage = page({
  method: 'GET',
  path: PATH,
  tokenInUrl: true,
  handle: async ({ ctx, query }) => {
    const token = query['token'] ?? '';
    const application = await findByMailedSecret(ctx, token);
    if (!application) return invalidLink;
    const isConfirmed = application.addressConfirmedAt !== undefined;
    return {
      html: isConfirmed ? <Status application={application} /> : <Confirm application={application} token={token} />,
    };
  },
});

export const confirm = page({
  method: 'POST',
  path: PATH,
  tokenInUrl: true,
  handle: async ({ ctx, form, ip, requestId }) => {
    await throttle(ctx, ATTEMPTS).take(throttledAddress(ip));
    const token = form['token'] ?? '';
    const application = await findByMailedSecret(ctx, token);
    if (!application) return invalidLink;
    await confirmAddress(ctx, application._id, { requestId, at: new Date() });
    return { redirect: `${PATH}?token=${encodeURIComponent(token)}` };
  },
});
