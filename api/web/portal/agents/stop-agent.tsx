import type { VNode } from 'preact';
import { tenantOf } from '../../../../shared/domain/ids';
import { MirError } from '../../../../shared/errors';
import { getAgentRoute } from '../../../agents/get-agent';
import { getCascadeRoute } from '../../../agents/get-cascade';
import { readKillReport } from '../../../agents/kill-report';
import type { KillPreview } from '../../../agents/preview-kill';
import type { PresentedAgent } from '../../../agents/present-agent';
import type { PresentedCascade } from '../../../agents/present-cascade';
import { revokeDescendantsRoute } from '../../../agents/revoke-descendants';
import { suspendAgentRoute } from '../../../agents/suspend-agent';
import { AffectedAgents } from '../../agents/affected-agents';
import { isFinal, KillProgress } from '../../agents/kill-progress';
import { countOf } from '../../design/count-text';
import { confirmationErrors, ConfirmationFields } from '../../design/confirmation';
import { Panel } from '../../design/app-parts';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { LivePart } from '../../design/live-part';
import { Notice } from '../../design/text';
import type { Fields } from '../../http/page';
import { errorsOf } from '../../http/form-errors';
import { AgentTable } from '../../agents/agent-table';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';
/** How often the report reloads without scripts while the kill is being carried out. */
const RELOAD_SECONDS = 2;

interface Stop {
  agent: PresentedAgent;
  /** Null if the requests budget does not allow to count the agents. */
  preview: KillPreview | null;
}

async function stopOf({ call }: MemberCall, agentId: string | undefined): Promise<Stop> {
  const params = { id: agentId ?? '' };
  const [agent, preview] = await Promise.all([
    call<PresentedAgent>(getAgentRoute, { params }),
    call<KillPreview>(revokeDescendantsRoute, { params, body: { dryRun: true } }).catch((error: unknown) => {
      if (error instanceof MirError && error.code === 'RATE_LIMITED') return null;
      throw error;
    }),
  ]);
  return { agent, preview };
}

function Affected({ agent, preview }: Stop): VNode {
  if (preview === null) {
    return (
      <Notice kind="warn" title="The agents cannot be counted right now">
        <p>Your requests budget is used up. Stopping works nevertheless: this agent and everything below it.</p>
      </Notice>
    );
  }
  const unaffected = 'Agents above and beside this one, and your API keys';
  return <AffectedAgents preview={preview} depth={agent.depth} unaffected={unaffected} />;
}

function StopForm({
  member,
  stop: { agent, preview },
  form = {},
  errors = [],
}: {
  member: Member;
  stop: Stop;
  form?: Fields;
  errors?: FormError[];
}): VNode {
  const base = member.base + PATH;
  return (
    <PortalLayout member={member} title={`Stop ${agent.name}`} errors={errors} path={PATH}>
      <Affected agent={agent} preview={preview} />
      <Panel>
        <Form action={`${base}/stop`} hidden={{ agent: agent.agentId }}>
          <ConfirmationFields
            expected={agent.name}
            reasonHint="For the report and the audit log."
            hint="Revoking is permanent: the keys never work again. Suspending can be undone."
            form={form}
            errors={errors}
          />
          <Actions>
            <Button kind="danger" name="action" value="revoke">
              {preview ? `Revoke ${countOf(preview.affected, 'agent')}` : 'Revoke all'}
            </Button>
            <Button kind="plain" name="action" value="suspend">
              Suspend instead
            </Button>
            <ButtonLink href={`${base}/view?agent=${agent.agentId}`} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
      {preview && preview.first.length > 0 && (
        <Panel
          title={preview.first.length < preview.affected ? `The first ${preview.first.length}` : 'These agents'}
          flush
        >
          <AgentTable
            caption="Affected agents"
            agents={preview.first}
            hrefOf={(agentId) => `${base}/view?agent=${agentId}`}
          />
        </Panel>
      )}
    </PortalLayout>
  );
}

export const stopAgentPage = memberPage({
  method: 'GET',
  path: `${PATH}/stop`,
  scope: 'agents:manage-all',
  urgent: true,
  handle: async (page) => ({ html: <StopForm member={page.member} stop={await stopOf(page, page.query['agent'])} /> }),
});

/** Does not need a recent log-in: at night, each further step costs time in which the agents act. */
export const stopAgent = memberPage({
  method: 'POST',
  path: `${PATH}/stop`,
  scope: 'agents:manage-all',
  urgent: true,
  handle: async (page) => {
    const { member, call, form } = page;
    const params = { id: form['agent'] ?? '' };
    const agent = await call<PresentedAgent>(getAgentRoute, { params });
    const reason = (form['reason'] ?? '').trim();
    const errors = confirmationErrors(form, agent.name);
    try {
      if (errors.length === 0 && form['action'] === 'suspend') {
        await call(suspendAgentRoute, { params, body: { reason, includeDescendants: true } });
        return { redirect: `${member.base}${PATH}/view?agent=${agent.agentId}` };
      }
      if (errors.length === 0) {
        const { cascadeId } = await call<{ cascadeId: string }>(revokeDescendantsRoute, { params, body: { reason } });
        return { redirect: `${member.base}${PATH}/report?kill=${cascadeId}` };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    const stop = await stopOf(page, agent.agentId);
    return { status: 422, html: <StopForm member={member} stop={stop} form={form} errors={errors} /> };
  },
});

function Report({ member, kill, agent }: { member: Member; kill: PresentedCascade; agent: PresentedAgent }): VNode {
  const isDone = kill.status === 'CLOSED';
  const path = `${member.base}${PATH}/report/live?kill=${kill.cascadeId}`;
  return (
    <PortalLayout
      member={member}
      title={kill.effectiveAt === null ? `Stopping ${agent.name}` : `${agent.name} is stopped`}
      path={PATH}
      lead="This page has a permanent address and prints well."
      {...(isDone ? {} : { reloadSeconds: RELOAD_SECONDS })}
    >
      <LivePart path={isFinal(kill) ? null : path}>
        <KillProgress kill={kill} />
      </LivePart>
    </PortalLayout>
  );
}

export const killReportPage = memberPage({
  method: 'GET',
  path: `${PATH}/report`,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ member, call, query }) => {
    const kill = await call<PresentedCascade>(getCascadeRoute, { params: { id: query['kill'] ?? '' } });
    const agent = await call<PresentedAgent>(getAgentRoute, { params: { id: kill.agentId } });
    return { html: <Report member={member} kill={kill} agent={agent} /> };
  },
});

/** The progress of a kill as server-sent events. Authorized and charged once per response, not per event. */
export const killProgressPage = memberPage({
  method: 'GET',
  path: `${PATH}/report/live`,
  scope: 'agents:read',
  urgent: true,
  handle: async ({ ctx, member: { partnerId, env }, call, query }) => {
    const { cascadeId } = await call<PresentedCascade>(getCascadeRoute, { params: { id: query['kill'] ?? '' } });
    return {
      live: {
        read: async () => {
          const kill = await readKillReport(ctx, tenantOf(partnerId, env), cascadeId);
          return { html: <KillProgress kill={kill} />, isLast: isFinal(kill) };
        },
      },
    };
  },
});
