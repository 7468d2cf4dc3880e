import type { VNode } from 'preact';
import { MirError } from '../../../../shared/errors';
import { partnerOf } from '../../../../shared/domain/ids';
import type { AgentDoc } from '../../../../shared/store/agents';
import { killAnySubtreeRoute } from '../../../admin/kill-any-subtree';
import { reactivateAnyAgentRoute } from '../../../admin/reactivate-any-agent';
import { suspendAnyAgentRoute } from '../../../admin/suspend-any-agent';
import { findAnyAgent } from '../../../agents/any-agent';
import { type KillPreview, previewKill } from '../../../agents/preview-kill';
import type { ApiContext } from '../../../context';
import { readPartner } from '../../../partners/get-partner';
import { AffectedAgents } from '../../agents/affected-agents';
import { countOf } from '../../design/count-text';
import { Panel, Split } from '../../design/app-parts';
import { confirmationErrors, ConfirmationFields, reasonErrors, ReasonField } from '../../design/confirmation';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Notice } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { OPERATOR_READS } from '../operator-reads';
import type { Fields } from '../../http/page';
import { AgentTable } from '../../agents/agent-table';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { SEARCH, agentPath, killPath } from '../paths';
import { REASON_HINT } from '../reason';

interface Stop {
  agent: AgentDoc;
  partnerName: string;
  /** Null if too many agents are being counted at the same time. */
  preview: KillPreview | null;
}

async function stopOf(ctx: ApiContext, agent: AgentDoc): Promise<Stop> {
  const counted = ctx.longWork
    .run(OPERATOR_READS, () => previewKill(ctx, agent))
    .catch((error: unknown) => {
      if (error instanceof MirError && error.code === 'OVERLOADED') return null;
      throw error;
    });
  const [preview, { name: partnerName }] = await Promise.all([counted, readPartner(ctx, partnerOf(agent.tenant))]);
  return { agent, partnerName, preview };
}

interface FormProps {
  operator: ConsoleOperator;
  form?: Fields;
  errors?: readonly FormError[];
}

function Affected({ agent, partnerName, preview }: Stop): VNode {
  if (preview === null) {
    return (
      <Notice kind="warn" title="The agents cannot be counted right now">
        <p>Stopping works nevertheless: this agent and everything below it.</p>
      </Notice>
    );
  }
  const unaffected = `Agents above and beside this one, the keys of ${partnerName}, and events that are already accepted`;
  return <AffectedAgents preview={preview} depth={agent.depth} unaffected={unaffected} />;
}

function StopForm({ operator, stop, form = {}, errors = [] }: FormProps & { stop: Stop }): VNode {
  const { agent, partnerName, preview } = stop;
  const path = agentPath(agent._id);
  const title = `Stop ${agent.name}`;
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={SEARCH}
      operator={operator}
      lead={`An agent of ${partnerName}. Every process rejects its key, and those of all agents below it, at once.`}
    >
      <Split>
        <Panel>
          <Form action={`${path}/stop`}>
            <ConfirmationFields
              expected={agent.name}
              reasonHint={REASON_HINT}
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
              <ButtonLink href={path} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </Form>
        </Panel>
        <Affected {...stop} />
      </Split>
      {preview && preview.first.length > 0 && (
        <Panel
          title={preview.first.length < preview.affected ? `The first ${preview.first.length}` : 'These agents'}
          flush
        >
          <AgentTable caption="Affected agents" agents={preview.first} hrefOf={agentPath} />
        </Panel>
      )}
    </ConsoleLayout>
  );
}

export const stopAnyAgentPage = consolePage({
  method: 'GET',
  path: '/agents/:id/stop',
  right: 'agents:stop',
  recentLogIn: true,
  handle: async ({ ctx, operator, params }) => {
    const stop = await stopOf(ctx, await findAnyAgent(ctx, params['id']!));
    return { html: <StopForm operator={operator} stop={stop} /> };
  },
});

export const stopAnyAgent = consolePage({
  method: 'POST',
  path: '/agents/:id/stop',
  right: 'agents:stop',
  recentLogIn: true,
  handle: async ({ ctx, operator, call, params, form }) => {
    const agent = await findAnyAgent({ store: ctx.store.urgent }, params['id']!);
    const errors = confirmationErrors(form, agent.name);
    const { action } = form;
    const input = { params: { id: agent._id } };
    try {
      if (errors.length === 0 && action === 'suspend') {
        const body = { reason: form['reason']!.trim(), includeDescendants: true };
        await call(suspendAnyAgentRoute, { ...input, body });
        return { redirect: `${agentPath(agent._id)}?done=suspended` };
      }
      if (errors.length === 0) {
        const body = { reason: form['reason']!.trim() };
        const { cascadeId } = await call<{ cascadeId: string }>(killAnySubtreeRoute, { ...input, body });
        return { redirect: killPath(cascadeId) };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    return { status: 422, html: <StopForm {...{ operator, stop: await stopOf(ctx, agent), form, errors }} /> };
  },
});

function ReactivateForm({ operator, agent, form = {}, errors = [] }: FormProps & { agent: AgentDoc }): VNode {
  const path = agentPath(agent._id);
  const title = `Reactivate ${agent.name}`;
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={SEARCH}
      operator={operator}
      lead={
        agent.subtreeSuspendedAt === null
          ? 'The key of this agent works again at once. Agents below it are not affected.'
          : 'The key of this agent, and those of the agents below it, work again at once.'
      }
    >
      <Panel>
        <Form action={`${path}/reactivate`}>
          <ReasonField form={form} hint={REASON_HINT} errors={errors} />
          <Actions>
            <Button>Reactivate the agent</Button>
            <ButtonLink href={path} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
        <p class="quiet small">
          If an agent above it is suspended with everything below, it stays suspended until that ends.
        </p>
      </Panel>
    </ConsoleLayout>
  );
}

export const reactivateAnyAgentPage = consolePage({
  method: 'GET',
  path: '/agents/:id/reactivate',
  right: 'agents:stop',
  recentLogIn: true,
  handle: async ({ ctx, operator, params }) => ({
    html: <ReactivateForm operator={operator} agent={await findAnyAgent(ctx, params['id']!)} />,
  }),
});

export const reactivateAnyAgent = consolePage({
  method: 'POST',
  path: '/agents/:id/reactivate',
  right: 'agents:stop',
  recentLogIn: true,
  handle: async ({ ctx, operator, call, params, form }) => {
    const agent = await findAnyAgent(ctx, params['id']!);
    const errors = reasonErrors(form);
    try {
      if (errors.length === 0) {
        const body = { reason: form['reason']!.trim() };
        await call(reactivateAnyAgentRoute, { params: { id: agent._id }, body });
        return { redirect: `${agentPath(agent._id)}?done=reactivated` };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    return { status: 422, html: <ReactivateForm {...{ operator, agent, form, errors }} /> };
  },
});
