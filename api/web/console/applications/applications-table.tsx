import type { VNode } from 'preact';
import type { PresentedApplication } from '../../../partners/present-application';
import { DataTable, RelativeTime, State } from '../../design/app-parts';

type Status = PresentedApplication['status'];

export const STATUS_NAMES: Record<Status, string> = {
  PENDING: 'Waiting',
  APPROVED: 'Approved',
  REJECTED: 'Rejected',
};
const STATUS_KINDS = { PENDING: 'pending', APPROVED: 'active', REJECTED: 'ended' } as const;

/** Where operators read an application and decide on it. */
export function applicationPath(applicationId: string): string {
  return `/console/applications/${encodeURIComponent(applicationId)}`;
}

export function ApplicationState({ status }: { status: Status }): VNode {
  return <State kind={STATUS_KINDS[status]}>{STATUS_NAMES[status]}</State>;
}

/** Applications with their contact address. The name links to the application. */
export function ApplicationsTable({
  caption,
  applications,
  withStatus,
}: {
  caption: string;
  applications: readonly PresentedApplication[];
  withStatus: boolean;
}): VNode {
  return (
    <DataTable
      caption={caption}
      columns={[{ text: 'Applicant' }, ...(withStatus ? [{ text: 'Status' }] : []), { text: 'Submitted' }]}
      rows={applications.map(({ applicationId, name, contactEmail, addressConfirmedAt, status, createdAt }) => ({
        key: applicationId,
        cells: [
          <div>
            <a href={applicationPath(applicationId)}>
              <bdi>{name}</bdi>
            </a>
            <br />
            <span class="quiet small">
              {contactEmail}, {addressConfirmedAt === null ? 'not confirmed' : 'confirmed'}
            </span>
          </div>,
          ...(withStatus ? [<ApplicationState status={status} />] : []),
          <RelativeTime at={new Date(createdAt)} />,
        ],
      }))}
    />
  );
}
