import type { VNode } from 'preact';
import { applicationInput } from '../../partners/input-schemas';
import { MAX_APPLICATION_MAILS_PER_HOUR, submitOwnApplication } from '../../partners/submit-application';
import { Panel, Split } from '../design/app-parts';
import { Field, TextArea } from '../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Facts, Heading, Num } from '../design/text';
import { type Fields, page } from '../http/page';
import { parseFields } from '../http/form-errors';

const PATH = '/partners/apply';
const USE_CASE_ROWS = 6;

/** Messages for empty fields. */
const MISSING: Record<string, string> = {
  name: 'Enter the name of your platform.',
  website: 'Enter the address of your website.',
  contactEmail: 'Enter your email address.',
  useCase: 'Say which events you’ll report, and what you’ll use the totals for.',
};
/** Messages for text in the wrong form. */
const MALFORMED: Record<string, string> = {
  website: 'Enter a full address that starts with https://, like https://harbour.example.',
  contactEmail: 'Enter a full email address, like ana@harbour.example.',
};

function Apply({ values = {}, errors = [] }: { values?: Fields; errors?: readonly FormError[] }): VNode {
  const { mails } = usePageFacts();
  return (
    <Layout title={titleWith(errors, 'Apply to become a partner')} wide>
      <Heading>Apply to become a partner</Heading>
      <ErrorSummary errors={errors} />
      <Split>
        <Panel>
          <Form action={PATH}>
            <Field
              name="name"
              label="Name of your platform"
              hint="As your users know it. They see this name when you ask them to connect."
              autocomplete="organization"
              value={values['name'] ?? ''}
              errors={errors}
            />
            <Field
              name="website"
              label="Website"
              type="url"
              hint="Starts with https://"
              autocomplete="url"
              value={values['website'] ?? ''}
              errors={errors}
            />
            <Field
              name="contactEmail"
              label="Your email address"
              type="email"
              hint={
                mails === 'off'
                  ? 'The operator contacts you here.'
                  : 'We email you a link to confirm the address, and then the decision.'
              }
              autocomplete="email"
              value={values['contactEmail'] ?? ''}
              errors={errors}
            />
            <TextArea
              name="useCase"
              label="What you’ll use MIR for"
              hint="Which events you’ll report, and what you’ll use the totals for. At most 2,000 characters."
              rows={USE_CASE_ROWS}
              value={values['useCase']}
              errors={errors}
            />
            <Actions>
              <Button>Send application</Button>
            </Actions>
          </Form>
        </Panel>
        <Panel title="What happens to it">
          <p>The operator of this server reads everything that you enter here, and decides.</p>
          <p>
            MIR keeps your application, even if it’s rejected. If it’s approved, people see the name when you ask them
            to connect their account.
          </p>
          <p>
            <a href="/partners">Read first what MIR is</a>, and what it costs your users in privacy.
          </p>
        </Panel>
      </Split>
    </Layout>
  );
}

function Received({ applicationId, contactEmail }: { applicationId: string; contactEmail: string }): VNode {
  const { mails } = usePageFacts();
  return (
    <Layout title="We have your application">
      <Heading>{mails === 'off' ? 'We have your application' : 'Confirm your email address'}</Heading>
      {mails === 'off' ? (
        <p>The operator of this server decides on it, and contacts you. This server sends no email.</p>
      ) : (
        <p>
          We have your application. Now open the link that we email to <strong>{contactEmail}</strong>. It confirms the
          address, and shows the status.
        </p>
      )}
      <Panel>
        <Facts
          facts={[
            ['Application ID', <Num>{applicationId}</Num>],
            ['Contact address', contactEmail],
          ]}
        />
        <p>Note the ID. Together with your email address, it lets you follow the status.</p>
      </Panel>
      {mails !== 'off' && (
        <>
          <Actions>
            {mails === 'outbox' && <ButtonLink href="/outbox">Open this server’s outbox</ButtonLink>}
            <ButtonLink href="/partners/status" plain>
              Follow your application
            </ButtonLink>
          </Actions>
          <p class="quiet">
            No email? Check your spam folder, or apply again later. We send at most {MAX_APPLICATION_MAILS_PER_HOUR} of
            these emails an hour to one address.
          </p>
        </>
      )}
    </Layout>
  );
}

export const applyPage = page({ method: 'GET', path: PATH, always: true, handle: () => ({ html: <Apply /> }) });

/** Does what `POST /v1/partners/applications` does. */
export const apply = page({
  method: 'POST',
  path: PATH,
  always: true,
  hasLongText: true,
  handle: async ({ ctx, form, ip, requestId }) => {
    const text = (name: string): string => form[name]?.trim() ?? '';
    // Browsers send line breaks in forms as CRLF.
    const useCase = text('useCase').replaceAll('\r\n', '\n');
    const values = { name: text('name'), website: text('website'), contactEmail: text('contactEmail'), useCase };
    const { data, errors } = parseFields(applicationInput, values, {
      textOf: ({ path, code, message }) => {
        if (text(path) === '') return MISSING[path] ?? message;
        return code === 'INVALID_FORMAT' ? (MALFORMED[path] ?? message) : message;
      },
    });
    if (data === null) return { status: 422, html: <Apply values={values} errors={errors} /> };
    const { applicationId } = await submitOwnApplication(ctx, data, { ip, requestId });
    return { html: <Received applicationId={applicationId} contactEmail={data.contactEmail} /> };
  },
});
