import type { VNode } from 'preact';
import type { Env } from '../../../../shared/domain/ids';
import { countText } from '../../design/count-text';
import { doneText } from '../../design/done-text';
import { EnvironmentSwitch, Panel, RelativeTime, Split } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { Facts, Num } from '../../design/text';
import { AuditLog } from '../audit/audit-log';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { PartnerState, PLAN_NAMES } from './partner-parts';
import { KeysPanel, MembersPanel, UsagePanel, WebhooksPanel } from './partner-panels';
import { type PartnerDetails, readPartnerDetails } from './read-partner-details';
import { PARTNERS, partnerPath } from '../paths';

const DONE = {
  changed: 'The change is saved and in force.',
  suspended: 'The partner is suspended. Every request with its keys is rejected.',
  reactivated: 'The partner is active again. Its keys work.',
  revoked: 'The key is revoked. Requests with it are rejected.',
};

function Terms({ partner }: Pick<PartnerDetails, 'partner'>): VNode {
  const { partnerId, website, contactEmail, plan, limits, suspended, allowedReturnOrigins, createdAt } = partner;
  return (
    <Panel title="Plan and limits">
      <Facts
        facts={[
          ['Status', <PartnerState suspended={suspended} />],
          ['Plan', PLAN_NAMES[plan]],
          ['Events per minute', countText(limits.eventsPerMinute)],
          ['Other requests per minute', countText(limits.requestsPerMinute)],
          ['Share of the queue', `${limits.queueSharePercent}%`],
          [
            'Return origins',
            allowedReturnOrigins.length === 0 ? 'None' : <span class="lines">{allowedReturnOrigins.join('\n')}</span>,
          ],
          [
            'Website',
            <a href={website} rel="noreferrer nofollow">
              {new URL(website).host}
            </a>,
          ],
          ['Contact address', contactEmail],
          ['Created', <RelativeTime at={new Date(createdAt)} />],
          ['Partner ID', <Num>{partnerId}</Num>],
        ]}
      />
    </Panel>
  );
}

function Tools({ operator, details, env }: Shown): VNode {
  const { partnerId, suspended } = details.partner;
  const base = partnerPath(partnerId);
  return (
    <div class="tools">
      <EnvironmentSwitch env={env} hrefOf={(one) => (one === 'live' ? base : `${base}?env=test`)} />
      {operator.rights.includes('partners:change') && (
        <ButtonLink href={`${base}/change`} plain>
          Change plan or limits
        </ButtonLink>
      )}
      {operator.rights.includes('partners:suspend') &&
        (suspended ? (
          <ButtonLink href={`${base}/reactivate`}>Reactivate…</ButtonLink>
        ) : (
          <a class="button danger" href={`${base}/suspend`}>
            Suspend…
          </a>
        ))}
    </div>
  );
}

interface Shown {
  operator: ConsoleOperator;
  details: PartnerDetails;
  env: Env;
}

function PartnerPage({ done, ...shown }: Shown & { done: string | undefined }): VNode {
  const { operator, details, env } = shown;
  return (
    <ConsoleLayout
      title={details.partner.name}
      current={PARTNERS}
      operator={operator}
      done={doneText(DONE, done)}
      lead={env === 'live' ? 'Live environment' : 'Test environment'}
      aside={<Tools {...shown} />}
    >
      <Split>
        <div>
          <UsagePanel usage={details.usage} />
          <KeysPanel
            keys={details.keys}
            base={partnerPath(details.partner.partnerId)}
            env={env}
            mayRevoke={operator.rights.includes('keys:revoke')}
            mayReplace={operator.rights.includes('partners:change')}
          />
          <WebhooksPanel webhooks={details.webhooks} />
        </div>
        <div>
          <Terms partner={details.partner} />
          <MembersPanel members={details.members} />
          <AuditLog
            title="What operators did"
            empty="Changes that operators make to this environment appear here, with their reasons."
            entries={details.actions}
          />
        </div>
      </Split>
    </ConsoleLayout>
  );
}

/** A partner with its terms, and one environment's keys, usage and webhooks. */
export const partnerPage = consolePage({
  method: 'GET',
  path: '/partners/:id',
  right: 'partners:read',
  handle: async (page) => {
    const { operator, query } = page;
    const env = query['env'] === 'test' ? 'test' : 'live';
    const details = await readPartnerDetails(page, page.params['id']!, env);
    return { html: <PartnerPage operator={operator} details={details} env={env} done={query['done']} /> };
  },
});
