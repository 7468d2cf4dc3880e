import type { VNode } from 'preact';
import { MirError, type ProblemCode } from '../../../../shared/errors';
import { approveAgentRoute } from '../../../agents/approve-agent';
import type { PresentedAgent } from '../../../agents/present-agent';
import { rejectAgentRoute } from '../../../agents/reject-agent';
import { PublicError } from '../../../http/public-error';
import { isRecent } from '../../../http/require-caller';
import { Panel } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Notice, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { type Approval, approvalOf, RequestFacts } from './approval-request';
import { confirmFirst } from '../../staff/confirm-log-in';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/approvals';
/** Names of members who can decide. */
const MAX_SHOWN_MEMBERS = 5;
/** Codes that say why an agent cannot be approved. */
const OBSTACLES = new Set<ProblemCode>([
  'SECOND_PERSON_REQUIRED',
  'SPAWN_DISABLED',
  'ESCALATION_DENIED',
  'POLICY_LIMIT',
  'APPROVAL_EXPIRED',
  'AGENT_REVOKED',
  'AGENT_STATE',
]);

/** Says who else can approve the agent. */
function Approvers({ member, approvers }: { member: Member } & Pick<Approval, 'approvers'>): VNode {
  const named = approvers.slice(0, MAX_SHOWN_MEMBERS).map(({ name }) => name);
  if (named.length > 0) return <p>Ask one of them: {named.join(', ')}.</p>;
  return (
    <p>
      No other member has the role for it. <a href={`${member.base}/members`}>Invite one</a> as an agent manager or
      administrator.
    </p>
  );
}

function Decision({
  member,
  approval,
  form,
  errors,
}: {
  member: Member;
  approval: Approval;
  form: Fields;
  errors: readonly FormError[];
}): VNode {
  const { approvalId, isOwnRequest, approvers } = approval;
  if (!member.scopes.includes('agents:approve')) {
    return (
      <Panel title="Decision">
        <p>Your role does not allow you to decide.</p>
        <Approvers member={member} approvers={approvers} />
      </Panel>
    );
  }
  return (
    <Panel title="Decision">
      {isOwnRequest ? (
        <>
          <p>You asked for this agent, so another person must approve it. You can still reject it.</p>
          <Approvers member={member} approvers={approvers} />
        </>
      ) : (
        <p>If you approve, you get the agent’s key, and MIR checks the policy and the agents above it once more.</p>
      )}
      <Form action={`${member.base}${PATH}/decide`} hidden={{ approval: approvalId }}>
        <ReasonField form={form} hint="For the audit log. Required to reject." optional errors={errors} />
        <Actions>
          {!isOwnRequest && (
            <Button name="action" value="approve">
              Approve and show the key
            </Button>
          )}
          <Button kind="plain" name="action" value="reject">
            Reject permanently
          </Button>
        </Actions>
      </Form>
    </Panel>
  );
}

function ApprovalView({
  member,
  approval,
  form = {},
  errors = [],
}: {
  member: Member;
  approval: Approval;
  form?: Fields;
  errors?: readonly FormError[];
}): VNode {
  const { agent } = approval;
  const isPending = agent.status === 'PENDING_APPROVAL';
  return (
    <PortalLayout member={member} title={`Approve ${agent.name}?`} errors={errors} path={PATH}>
      {!isPending && (
        <Notice title="This is decided">
          <p>
            <a href={`${member.base}/agents/view?agent=${agent.agentId}`}>Open the agent</a> to see its state.
          </p>
        </Notice>
      )}
      <div class="split">
        <div>
          <RequestFacts member={member} approval={approval} />
        </div>
        {isPending && <Decision member={member} approval={approval} form={form} errors={errors} />}
      </div>
      <Actions>
        <ButtonLink href={member.base + PATH} plain>
          All approvals
        </ButtonLink>
      </Actions>
    </PortalLayout>
  );
}

export const approvalPage = memberPage({
  method: 'GET',
  path: `${PATH}/view`,
  scope: 'agents:read',
  handle: async (page) => ({
    html: <ApprovalView member={page.member} approval={await approvalOf(page, page.query['approval'] ?? '')} />,
  }),
});

function Approved({ member, agent }: { member: Member; agent: PresentedAgent & { apiKey: string } }): VNode {
  return (
    <PortalLayout member={member} title="Approved: copy the key now" path={PATH}>
      <Panel>
        <p>
          Give this key to the person or system that runs <bdi>{agent.name}</bdi>. MIR stores only a hash of the key, so
          this is the only time that it can be shown.
        </p>
        <Secret id="api-key">{agent.apiKey}</Secret>
        <Actions>
          <ButtonLink href={`${member.base}/agents/view?agent=${agent.agentId}`}>Open the agent</ButtonLink>
          <ButtonLink href={member.base + PATH} plain>
            All approvals
          </ButtonLink>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

/** Returns why an agent cannot be approved or rejected as errors of the form. Throws everything else. */
function obstaclesOf(error: unknown): FormError[] {
  if (!(error instanceof PublicError) || !OBSTACLES.has(error.code)) return errorsOf(error, {});
  const { errors = [] } = error.more;
  const messages = errors.length > 0 ? errors.map(({ message }) => message) : [error.detail];
  return messages.map((message) => ({ field: '', message }));
}

export const decideApproval = memberPage({
  method: 'POST',
  path: `${PATH}/decide`,
  scope: 'agents:approve',
  handle: async (page) => {
    const { member, call, form, staff } = page;
    const id = form['approval'] ?? '';
    const reason = (form['reason'] ?? '').trim();
    const input = { params: { id }, body: reason === '' ? {} : { reason } };
    const errors: FormError[] = [];
    try {
      if (form['action'] === 'approve') {
        if (!isRecent(staff.confirmedAt.getTime()))
          return confirmFirst({ method: 'POST', path: `${member.base}${PATH}/decide` }, form);
        const agent = await call<PresentedAgent & { apiKey: string }>(approveAgentRoute, input);
        const decided = { ...member, pendingApprovals: Math.max(0, member.pendingApprovals - 1) };
        return { html: <Approved member={decided} agent={agent} /> };
      }
      if (reason === '') errors.push({ field: 'reason', message: 'Enter a reason.' });
      else {
        await call(rejectAgentRoute, input);
        return { redirect: `${member.base}${PATH}?done=rejected` };
      }
    } catch (error) {
      if (error instanceof MirError && error.code === 'NOT_FOUND') throw error;
      errors.push(...obstaclesOf(error));
    }
    const approval = await approvalOf(page, id);
    return {
      status: 422,
      html: <ApprovalView member={member} approval={approval} form={form} errors={errors} />,
    };
  },
});
