import type { VNode } from 'preact';
import { getAgentRoute } from '../../../agents/get-agent';
import type { PresentedAgent } from '../../../agents/present-agent';
import { reactivateAgentRoute } from '../../../agents/reactivate-agent';
import { suspendAgentRoute } from '../../../agents/suspend-agent';
import { Panel } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Checkbox } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { agentHref } from './agent-tree';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';

interface FormProps {
  member: Member;
  agent: PresentedAgent;
  form?: Fields;
  errors?: FormError[];
}

function SuspendForm({ member, agent, form = {}, errors = [] }: FormProps): VNode {
  const base = member.base + PATH;
  const isSuspended = agent.status === 'SUSPENDED';
  return (
    <PortalLayout
      member={member}
      title={`${isSuspended ? 'Reactivate' : 'Suspend'} ${agent.name}`}
      errors={errors}
      path={PATH}
    >
      <Panel>
        <p>
          {isSuspended
            ? 'Its key works again at once, and so do those of the agents that were suspended with it. If an agent above is suspended with all agents below it, this one stays suspended until that ends.'
            : 'Requests with its key are rejected at once. Nothing is deleted, and you can reactivate it at any time.'}
        </p>
        <Form
          action={`${base}/suspend`}
          hidden={{ agent: agent.agentId, action: isSuspended ? 'reactivate' : 'suspend' }}
        >
          <ReasonField form={form} errors={errors} />
          {!isSuspended && (
            <Checkbox name="below" label="Also suspend all agents below it" checked={form['below'] === 'on'} />
          )}
          <Actions>
            <Button>{isSuspended ? 'Reactivate the agent' : 'Suspend the agent'}</Button>
            <ButtonLink href={agentHref(base, agent.agentId)} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const suspendAgentPage = memberPage({
  method: 'GET',
  path: `${PATH}/suspend`,
  scope: 'agents:manage-all',
  urgent: true,
  handle: async ({ member, call, query }) => {
    const agent = await call<PresentedAgent>(getAgentRoute, { params: { id: query['agent'] ?? '' } });
    return { html: <SuspendForm member={member} agent={agent} /> };
  },
});

export const suspendAgent = memberPage({
  method: 'POST',
  path: `${PATH}/suspend`,
  scope: 'agents:manage-all',
  urgent: true,
  handle: async ({ member, call, form }) => {
    const id = form['agent'] ?? '';
    const reason = (form['reason'] ?? '').trim();
    const reactivates = form['action'] === 'reactivate';
    try {
      if (reactivates) await call(reactivateAgentRoute, { params: { id }, body: { reason } });
      else {
        const body = { reason, includeDescendants: form['below'] === 'on' };
        await call(suspendAgentRoute, { params: { id }, body });
      }
      const done = reactivates ? 'reactivated' : 'suspended';
      return { redirect: `${agentHref(member.base + PATH, id)}&done=${done}` };
    } catch (error) {
      const errors = errorsOf(error, {});
      const agent = await call<PresentedAgent>(getAgentRoute, { params: { id } });
      return { status: 422, html: <SuspendForm member={member} agent={agent} form={form} errors={errors} /> };
    }
  },
});
