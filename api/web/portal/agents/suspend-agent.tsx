import type { VNode } from 'preact';
import { getAgentRoute } from '../../../agents/get-agent';
import type { PresentedAgent } from '../../../agents/present-agent';
import { reactivateAgentRoute } from '../../../agents/reactivate-agent';
import { suspendAgentRoute } from '../../../agents/suspend-agent';
import { Panel } from '../../design/app-parts';
import { Actions, Button, ButtonLink, ErrorSummary, Field, Form, type FormError, titleWith } from '../../design/form';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { agentHref } from './agent-tree';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';
const MAX_REASON_LENGTH = 200;

interface FormProps {
  member: Member;
  agent: PresentedAgent;
  form?: Fields;
  errors?: FormError[];
}

function ScopeOfSuspension({ form }: { form: Fields }): VNode {
  return (
    <div class="check">
      <input type="checkbox" id="below" name="below" checked={form['below'] === 'on'} />
      <label for="below">Also suspend all agents below it</label>
    </div>
  );
}

function SuspendForm({ member, agent, form = {}, errors = [] }: FormProps): VNode {
  const base = member.base + PATH;
  const isSuspended = agent.status === 'SUSPENDED';
  return (
    <PortalLayout
      member={member}
      title={titleWith(errors, `${isSuspended ? 'Reactivate' : 'Suspend'} ${agent.name}`)}
      path={PATH}
    >
      <ErrorSummary errors={errors} />
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
          <Field
            name="reason"
            label="Reason"
            hint="For the audit log."
            maxLength={MAX_REASON_LENGTH}
            value={form['reason'] ?? ''}
            errors={errors}
          />
          {!isSuspended && <ScopeOfSuspension form={form} />}
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
      const errors = errorsOf(error, { reason: 'Enter a reason.' });
      const agent = await call<PresentedAgent>(getAgentRoute, { params: { id } });
      return { status: 422, html: <SuspendForm member={member} agent={agent} form={form} errors={errors} /> };
    }
  },
});
