import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OPERATORS } from '../../../../shared/store/members';
import { type Harness, startHarness } from '../../../support/harness';
import { PASSWORD } from '../../../support/password';
import { expectProblem } from '../../../support/problems';
import { fromNewAddress, invite, logInAs, newMember, newStaffEmail, withSession } from '../../../support/staff';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => mir.close());

const WRONG = 'wrong horse battery';
const counted = async () => (await mir.ctx.metrics.operatorLogInsRejected.get()).values[0]!.value;

async function newOperator(): Promise<{ email: string; sessionToken: string }> {
  const { email, token } = await invite(mir, OPERATORS, 'ON_CALL');
  const body = { token, name: 'Ana Diaz', password: PASSWORD };
  await mir.client.post('/v1/staff/invitations/accept', undefined, body, fromNewAddress());
  const { sessionToken } = (await logInAs(mir, email)).body;
  return { email, sessionToken };
}

describe('mir_operator_log_ins_rejected_total', () => {
  it('counts wrong passwords of operators when they log in or confirm, but not those of members', async () => {
    const operator = await newOperator();
    const member = await newMember(mir, (await mir.partner()).partnerId, 'ADMINISTRATOR');
    for (const email of [member.email, newStaffEmail()]) {
      expectProblem(await logInAs(mir, email, { password: WRONG }), 401, 'LOG_IN_FAILED');
    }
    expectProblem(await logInAs(mir, operator.email.toUpperCase(), { password: WRONG }), 401, 'LOG_IN_FAILED');
    await waitUntil('the log-in is counted', async () => (await counted()) === 1);
    const confirm = await withSession(mir, operator.sessionToken, 'POST', '/v1/staff/sessions/confirm', {
      password: WRONG,
    });
    expectProblem(confirm, 401, 'LOG_IN_FAILED');
    await waitUntil('the confirmation is counted', async () => (await counted()) > 1);
    expect(await counted()).toBe(2);
  });
});
