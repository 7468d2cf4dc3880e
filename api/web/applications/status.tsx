import type { VNode } from 'preact';
import { MirError } from '../../../shared/errors';
import type { ApplicationDoc } from '../../../shared/store/applications';
import { readOwnApplication, statusInput } from '../../partners/get-application-status';
import { Panel } from '../design/app-parts';
import { Field } from '../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading } from '../design/text';
import { type Fields, page } from '../http/page';
import { ApplicationStatusFacts } from './application-status';
import { parseFields } from '../http/form-errors';

const PATH = '/partners/status';

const MISSING: Record<string, string> = {
  applicationId: 'Enter the application ID.',
  contactEmail: 'Enter your email address.',
};
const UNKNOWN: FormError = {
  field: '',
  message:
    'We found no application with this ID and this confirmed email address. Check both, and open the link in our email first.',
};

function Ask({ values = {}, errors = [] }: { values?: Fields; errors?: readonly FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Follow your application')}>
      <Heading>Follow your application</Heading>
      <p>You can look up the status once you’ve confirmed your email address with the link that we emailed to you.</p>
      <ErrorSummary errors={errors} />
      <Panel>
        <Form action={PATH}>
          <Field
            name="applicationId"
            label="Application ID"
            hint="Starts with app_. It’s in our email."
            autocomplete="off"
            maxLength={100}
            value={values['applicationId'] ?? ''}
            errors={errors}
          />
          <Field
            name="contactEmail"
            label="Your email address"
            type="email"
            autocomplete="email"
            value={values['contactEmail'] ?? ''}
            errors={errors}
          />
          <Actions>
            <Button>Show status</Button>
          </Actions>
        </Form>
      </Panel>
      <p class="quiet">
        Haven’t applied yet? <a href="/partners/apply">Apply</a>
      </p>
    </Layout>
  );
}

/** On a server without email, no address can be confirmed, so no status can be shown. */
function AskOperator(): VNode {
  return (
    <Layout title="Follow your application">
      <Heading>Follow your application</Heading>
      <p>
        This server sends no email, so it can’t check that an application is yours. The operator tells you the decision.
      </p>
      <Actions>
        <ButtonLink href="/partners" plain>
          See who the operator is
        </ButtonLink>
      </Actions>
    </Layout>
  );
}

function Found({ application }: { application: ApplicationDoc }): VNode {
  return (
    <Layout title="Your application">
      <Heading>Your application</Heading>
      <ApplicationStatusFacts application={application} />
    </Layout>
  );
}

function StatusPage(): VNode {
  return usePageFacts().mails === 'off' ? <AskOperator /> : <Ask />;
}

export const statusPage = page({ method: 'GET', path: PATH, always: true, handle: () => ({ html: <StatusPage /> }) });

/** Does what `POST /v1/partners/applications/status` does. The ID and the address are never part of a URL. */
export const showStatus = page({
  method: 'POST',
  path: PATH,
  always: true,
  handle: async ({ ctx, form, ip }) => {
    const text = (name: string): string => form[name]?.trim() ?? '';
    const values = { applicationId: text('applicationId'), contactEmail: text('contactEmail') };
    const { data, errors } = parseFields(statusInput, values, {
      textOf: ({ path, message }) => {
        if (text(path) === '') return MISSING[path] ?? message;
        return path === 'contactEmail' ? 'Enter a full email address, like ana@harbour.example.' : message;
      },
    });
    if (data === null) return { status: 422, html: <Ask values={values} errors={errors} /> };
    try {
      return { html: <Found application={await readOwnApplication(ctx, data, ip)} /> };
    } catch (error) {
      if (!(error instanceof MirError) || error.code !== 'NOT_FOUND') throw error;
      return { status: 422, html: <Ask values={values} errors={[UNKNOWN]} /> };
    }
  },
});
