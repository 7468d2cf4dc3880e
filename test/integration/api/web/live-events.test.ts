import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { sharedHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember } from '../../../support/portal-session';

const MAX_LIVE_PER_ACCOUNT = 4;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner();
});
afterAll(() => mir.close());

async function kill(): Promise<string> {
  const { agentId } = await insertAgent(mir.ctx.store, partner);
  const { body } = await mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, partner.liveKey, {
    reason: 'Any',
  });
  return body.cascadeId as string;
}

function follow({ browser }: Pick<LoggedIn, 'browser'>, cascadeId: string, signal?: AbortSignal): Promise<Response> {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return fetch(`${mir.url}${baseOf(partner)}/agents/report/live?kill=${cascadeId}`, {
    headers: { cookie, 'hx-request': 'true' },
    redirect: 'manual',
    ...(signal && { signal }),
  });
}

describe('live progress of a kill', () => {
  it('is sent until nothing changes any more', async () => {
    const response = await follow(await logInMember(mir, partner, 'VIEWER'), await kill());
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const messages = (await response.text()).trimEnd().split('\n\n');
    expect(messages.at(-2)).toContain('All keys deleted');
    expect(messages.at(-1)).toBe('event: last\ndata:');
    // A message without a change would make screen readers announce it again.
    expect(new Set(messages).size).toBe(messages.length);
  });

  it('is bounded per account', async () => {
    const member = await logInMember(mir, partner, 'VIEWER');
    const cascadeId = await kill();
    // Without its agent's audit entries, the kill never ends.
    await mir.ctx.store.cascades.model.updateOne({ _id: cascadeId }, { $set: { status: 'RUNNING', closedAt: null } });
    const leaving = new AbortController();
    const open = await Promise.all(
      Array.from({ length: MAX_LIVE_PER_ACCOUNT }, () => follow(member, cascadeId, leaving.signal)),
    );
    expect(open.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await follow(member, cascadeId)).status).toBe(429);
    expect((await follow(await logInMember(mir, partner, 'VIEWER'), await kill())).status).toBe(200);
    leaving.abort();
  });

  it('sends scripts to the login page once the session has ended', async () => {
    const member = await logInMember(mir, partner, 'VIEWER');
    member.browser.cookies.clear();
    const { status, headers } = await follow(member, await kill());
    expect([status, headers.get('hx-redirect'), headers.get('location')]).toEqual([204, '/portal/login', null]);
  });
});
