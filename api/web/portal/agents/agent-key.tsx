import type { VNode } from 'preact';
import { getAgentRoute } from '../../../agents/get-agent';
import type { PresentedAgent } from '../../../agents/present-agent';
import { rotateAgentKeyRoute } from '../../../agents/rotate-agent-key';
import { Panel } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { AgentState } from '../../agents/agent-table';
import { agentHref } from './agent-tree';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';

function ReplaceKey({
  member,
  agent,
  form = {},
  errors = [],
}: {
  member: Member;
  agent: PresentedAgent;
  form?: Fields;
  errors?: FormError[];
}): VNode {
  const base = member.base + PATH;
  const { agentId, name, keyPrefix, status } = agent;
  return (
    <PortalLayout member={member} title={`Replace the key of ${name}`} errors={errors} path={PATH}>
      <Panel>
        <p>
          The agent gets a new key, which is shown once. The old key is rejected at once, so the agent cannot work until
          it has the new one. Agents below it keep their keys.
        </p>
        <Facts
          facts={[
            ['Status', <AgentState status={status} />],
            ['Key now', keyPrefix === null ? 'None' : <code>{keyPrefix}…</code>],
          ]}
        />
        <Form action={`${base}/key`} hidden={{ agent: agentId }}>
          <ReasonField form={form} errors={errors} />
          <Actions>
            <Button>Replace the key</Button>
            <ButtonLink href={agentHref(base, agentId)} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

function NewKey({ member, agent, apiKey }: { member: Member; agent: PresentedAgent; apiKey: string }): VNode {
  return (
    <PortalLayout member={member} title="Copy the agent’s key now" path={PATH}>
      <Panel>
        <p>
          MIR stores only a hash of the key, so this is the only time that it can be shown. The old key of{' '}
          <bdi>{agent.name}</bdi> no longer works.
        </p>
        <Secret id="api-key">{apiKey}</Secret>
        <Actions>
          <ButtonLink href={agentHref(member.base + PATH, agent.agentId)}>Continue</ButtonLink>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

export const replaceAgentKeyPage = memberPage({
  method: 'GET',
  path: `${PATH}/key`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async ({ member, call, query }) => {
    const agent = await call<PresentedAgent>(getAgentRoute, { params: { id: query['agent'] ?? '' } });
    return { html: <ReplaceKey member={member} agent={agent} /> };
  },
});

/** Needs a recent log-in like the creation of a partner's key, because the page shows a secret. */
export const replaceAgentKey = memberPage({
  method: 'POST',
  path: `${PATH}/key`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    const params = { id: form['agent'] ?? '' };
    const agent = await call<PresentedAgent>(getAgentRoute, { params });
    try {
      const body = { reason: (form['reason'] ?? '').trim() };
      const { apiKey } = await call<{ apiKey: string }>(rotateAgentKeyRoute, { params, body });
      return { html: <NewKey member={member} agent={agent} apiKey={apiKey} /> };
    } catch (error) {
      const errors = errorsOf(error, {});
      return { status: 422, html: <ReplaceKey member={member} agent={agent} form={form} errors={errors} /> };
    }
  },
});
