import type { ComponentChildren, VNode } from 'preact';
import { APPLICATION_LINK_DAYS } from '../../../shared/domain/mailed-link';
import type { ApplicationDoc, ApplicationStatus } from '../../../shared/store/applications';
import { throttle, throttledAddress, type ThrottleRule } from '../../http/throttle';
import { confirmAddress, findByMailedSecret } from '../../partners/confirm-address';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Day, Facts, Heading, Notice, Num } from '../design/text';
import { page, type PageResponse } from '../http/page';

const GONE = 410;
const DAY_MS = 24 * 3_600_000;
const PATH = '/partners/applications/confirm';

const ATTEMPTS: ThrottleRule = {
  name: 'application-confirm',
  points: 30,
  seconds: 3_600,
  rejection: 'Too many attempts to confirm an address.',
};

const STATUS_TEXTS: Record<ApplicationStatus, { status: string; text: string }> = {
  PENDING: {
    status: 'Waiting for a decision',
    text: 'The operator of this MIR server decides on your application. We’ll email you the decision.',
  },
  APPROVED: {
    status: 'Approved',
    text: 'Your application was approved. We sent you an email with which you become the first administrator.',
  },
  REJECTED: { status: 'Rejected', text: 'Your application was rejected. You can apply again.' },
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
        <strong>{contactEmail}</strong>.
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
  const { _id, name, status, reason, createdAt, decidedAt } = application;
  const shown = STATUS_TEXTS[status];
  const linkExpiresAt = new Date(createdAt.getTime() + APPLICATION_LINK_DAYS * DAY_MS);
  const facts: (readonly [string, ComponentChildren] | null)[] = [
    ['Status', shown.status],
    status === 'REJECTED' && reason !== undefined ? ['Reason', reason] : null,
    ['Applicant', <bdi>{name}</bdi>],
    ['Application ID', <Num>{_id}</Num>],
    ['Submitted', <Day at={createdAt} />],
    decidedAt ? ['Decided', <Day at={decidedAt} />] : null,
  ];
  return (
    <Layout title="Your application">
      <Heading>Your application</Heading>
      <Notice>
        <p>Your email address is confirmed.</p>
      </Notice>
      <p>{shown.text}</p>
      <Facts facts={facts} />
      <p class="quiet">
        To look up the status later, open the link in our email again until <Day at={linkExpiresAt} />, or use the API
        with the application ID and your email address.
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
        <ButtonLink href="/guide">Open the guide</ButtonLink>
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
