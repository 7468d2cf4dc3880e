import type { VNode } from 'preact';
import type { PresentedApplication } from '../../../partners/present-application';
import { Panel } from '../../design/app-parts';
import { TextArea } from '../../design/controls';
import { Actions, Button, Form, type FormError } from '../../design/form';
import { usePageFacts } from '../../design/page-facts';
import type { Fields } from '../../http/page';
import { applicationPath } from './applications-table';
import { TermsFields } from '../partners/terms-fields';

const REASON_ROWS = 3;

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
        <TermsFields values={values} errors={errors} />
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
