import type { VNode } from 'preact';
import { DEFAULT_QUEUE_SHARE_PERCENT } from '../../../shared/queue/overload-guard';
import type { ApiContext } from '../../context';
import type { PresentedApplication } from '../../partners/present-application';
import { Panel } from '../design/app-parts';
import { Select, TextArea } from '../design/controls';
import { Actions, Button, Field, Form, type FormError } from '../design/form';
import { usePageFacts } from '../design/page-facts';
import type { Fields } from '../http/page';
import { applicationPath } from './applications-table';

const REASON_ROWS = 3;
const ORIGINS_ROWS = 2;

const PLANS = [
  { value: 'STANDARD', text: 'Standard' },
  { value: 'ENTERPRISE', text: 'Enterprise, with agents' },
];

/** Returns the terms that the form to approve an application starts with: the defaults of the API. */
export function defaultTerms({ defaultLimits }: Pick<ApiContext['config'], 'defaultLimits'>): Fields {
  return {
    plan: 'STANDARD',
    eventsPerMinute: String(defaultLimits.eventsPerMinute),
    requestsPerMinute: String(defaultLimits.requestsPerMinute),
    queueSharePercent: String(DEFAULT_QUEUE_SHARE_PERCENT),
  };
}

export interface DecisionProps {
  application: PresentedApplication;
  /** What the fields contain. */
  values: Fields;
  errors: readonly FormError[];
}

export function ApproveForm({ application, values, errors }: DecisionProps): VNode {
  const sendsMail = usePageFacts().mails !== 'off';
  const isUnconfirmed = application.addressConfirmedAt === null;
  return (
    <Panel title="Approve">
      <p>
        {sendsMail ? (
          <>
            Creates the partner, and invites <strong>{application.contactEmail}</strong> by email to become its first
            administrator and to create API keys.
          </>
        ) : (
          'Creates the partner and shows its first API keys once. This server sends no email, so you pass them on.'
        )}
      </p>
      {sendsMail && isUnconfirmed && (
        <p class="caution">
          This address isn’t confirmed. Anyone who reads that mailbox can accept the invitation, so check the address
          with the applicant first.
        </p>
      )}
      <Form action={`${applicationPath(application.applicationId)}/approve`}>
        <Select name="plan" label="Plan" value={values['plan']} options={PLANS} errors={errors} />
        <details open={errors.length > 0}>
          <summary>Limits and return origins</summary>
          <Field
            name="eventsPerMinute"
            label="Events per minute"
            hint="For each environment, live and test."
            inputMode="numeric"
            autocomplete="off"
            value={values['eventsPerMinute'] ?? ''}
            errors={errors}
          />
          <Field
            name="requestsPerMinute"
            label="Other requests per minute"
            inputMode="numeric"
            autocomplete="off"
            value={values['requestsPerMinute'] ?? ''}
            errors={errors}
          />
          <Field
            name="queueSharePercent"
            label="Share of the queue, in percent"
            hint="How much of the queue its waiting events may take up."
            inputMode="numeric"
            autocomplete="off"
            value={values['queueSharePercent'] ?? ''}
            errors={errors}
          />
          <TextArea
            name="allowedReturnOrigins"
            label="Return origins (optional)"
            hint="Where people may return to after they connect an account. One a line, such as https://shop.example."
            rows={ORIGINS_ROWS}
            optional
            value={values['allowedReturnOrigins']}
            errors={errors}
          />
        </details>
        <Actions>
          <Button>Approve</Button>
        </Actions>
      </Form>
    </Panel>
  );
}

export function RejectForm({ application, values, errors }: DecisionProps): VNode {
  const sendsMail = usePageFacts().mails !== 'off';
  return (
    <Panel title="Reject">
      <p>
        This is permanent, but the applicant can apply again.{' '}
        {sendsMail ? 'The applicant gets the reason by email.' : 'This server sends no email, so tell the applicant.'}
      </p>
      <Form action={`${applicationPath(application.applicationId)}/reject`}>
        <TextArea
          name="reason"
          label="Reason"
          hint="On one line, at most 500 characters. Also written to the audit log."
          rows={REASON_ROWS}
          value={values['reason']}
          errors={errors}
        />
        <Actions>
          <Button kind="danger">Reject</Button>
        </Actions>
      </Form>
    </Panel>
  );
}
