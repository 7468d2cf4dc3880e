import type { VNode } from 'preact';
import { OPERATOR_ROLE_NAMES, type OperatorRight } from '../../../../shared/domain/roles';
import type { ApiContext } from '../../../context';
import { readApplication } from '../../../partners/list-applications';
import type { PresentedApplication } from '../../../partners/present-application';
import { Panel, RelativeTime, Split } from '../../design/app-parts';
import { type FormError } from '../../design/form';
import { usePageFacts } from '../../design/page-facts';
import { Facts, Notice, Num } from '../../design/text';
import type { Fields, PageResponse } from '../../http/page';
import { ApplicationState } from './applications-table';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { ApproveForm, RejectForm } from './decision-forms';
import { defaultTerms } from '../partners/terms-fields';
import { partnerPath } from '../paths';

/** The right to approve and reject applications. */
export const DECIDE: OperatorRight = 'applications:decide';

const CONFLICT = 409;

function ContactAddress({ contactEmail, addressConfirmedAt }: PresentedApplication): VNode {
  const { mails } = usePageFacts();
  const unconfirmed = mails === 'off' ? 'can’t be confirmed without email' : 'not confirmed';
  return (
    <>
      {contactEmail}
      <br />
      <span class="quiet small">
        {addressConfirmedAt === null ? (
          unconfirmed
        ) : (
          <>
            confirmed <RelativeTime at={new Date(addressConfirmedAt)} />
          </>
        )}
      </span>
    </>
  );
}

function ApplicationFacts({ application }: { application: PresentedApplication }): VNode {
  const { applicationId, name, website, status, reason, partnerId, createdAt, decidedAt, useCase } = application;
  return (
    <>
      <Panel title="What they’ll use MIR for">
        <p class="lines">{useCase}</p>
      </Panel>
      <Panel title="About the applicant">
        <Facts
          facts={[
            ['Status', <ApplicationState status={status} />],
            ['Name', <bdi>{name}</bdi>],
            [
              'Website',
              <a href={website} rel="noreferrer nofollow">
                {website}
              </a>,
            ],
            ['Contact address', <ContactAddress {...application} />],
            ['Submitted', <RelativeTime at={new Date(createdAt)} />],
            decidedAt === null ? null : ['Decided', <RelativeTime at={new Date(decidedAt)} />],
            reason === null ? null : ['Reason', reason],
            partnerId === null
              ? null
              : [
                  'Partner',
                  <a href={partnerPath(partnerId)}>
                    <Num>{partnerId}</Num>
                  </a>,
                ],
            ['Application ID', <Num>{applicationId}</Num>],
          ]}
        />
      </Panel>
    </>
  );
}

function Decision({ application, operator, values, errors }: ShownApplication): VNode {
  if (application.status !== 'PENDING') {
    return (
      <Panel title="Decision">
        <p>
          {application.status === 'APPROVED' ? (
            <>
              This application was approved. <a href={partnerPath(application.partnerId!)}>Open the partner</a> to
              change its plan or limits.
            </>
          ) : (
            'This application was rejected. The applicant can apply again.'
          )}
        </p>
      </Panel>
    );
  }
  if (!operator.rights.includes(DECIDE)) {
    return (
      <Panel title="Decision">
        <p>
          Your role, {OPERATOR_ROLE_NAMES[operator.role]}, can’t decide on applications. Ask an operator with the role{' '}
          {OPERATOR_ROLE_NAMES.SUPPORT} or {OPERATOR_ROLE_NAMES.ADMIN}.
        </p>
      </Panel>
    );
  }
  return (
    <div>
      <ApproveForm application={application} values={values} errors={errors} />
      <RejectForm application={application} values={values} errors={errors} />
    </div>
  );
}

/** Says what a decision did. Takes only the decision from the URL, and nothing that the page would not show anyway. */
function Done({ application: { status, contactEmail }, done }: ShownApplication): VNode | null {
  const { mails } = usePageFacts();
  if (done === 'rejected' && status === 'REJECTED') {
    return (
      <Notice>
        <p>The application is rejected.{mails !== 'off' && ' We’re emailing the reason to the applicant.'}</p>
      </Notice>
    );
  }
  if (done !== 'approved' || status !== 'APPROVED') return null;
  return (
    <Notice>
      <p>The application is approved. We’re emailing an invitation to {contactEmail}.</p>
    </Notice>
  );
}

interface ShownApplication {
  application: PresentedApplication;
  operator: ConsoleOperator;
  values: Fields;
  errors: readonly FormError[];
  /** The decision that was just made, from the URL. */
  done?: string | undefined;
  /** The operator tried to decide on an application that is already decided. */
  isTooLate?: boolean;
}

function ApplicationPage(shown: ShownApplication): VNode {
  const { application, operator, errors, isTooLate = false } = shown;
  return (
    <ConsoleLayout title={application.name} errors={errors} current="/console/applications" operator={operator}>
      <p>
        <a href="/console/applications">All applications</a>
      </p>
      <Done {...shown} />
      {isTooLate && (
        <Notice kind="warn" title="This application was already decided">
          <p>Nothing was changed. The page shows the decision that applies.</p>
        </Notice>
      )}
      <Split>
        <div>
          <ApplicationFacts application={application} />
        </div>
        <Decision {...shown} />
      </Split>
    </ConsoleLayout>
  );
}

/** Shows an application. Throws 404 if it does not exist. */
export async function showApplication(
  ctx: ApiContext,
  operator: ConsoleOperator,
  applicationId: string,
  {
    values = {},
    errors = [],
    ...more
  }: { values?: Fields; errors?: readonly FormError[]; done?: string | undefined; isTooLate?: boolean } = {},
): Promise<PageResponse> {
  const application = await readApplication(ctx, applicationId);
  const shown = { application, operator, values: { ...defaultTerms(ctx.config), ...values }, errors, ...more };
  const rejected = errors.length > 0 ? 422 : 200;
  return { status: more.isTooLate ? CONFLICT : rejected, html: <ApplicationPage {...shown} /> };
}

/** An application with everything it says, and the forms to decide on it. */
export const applicationPage = consolePage({
  method: 'GET',
  path: '/applications/:id',
  right: 'partners:read',
  handle: ({ ctx, operator, params, query }) => showApplication(ctx, operator, params['id']!, { done: query['done'] }),
});
