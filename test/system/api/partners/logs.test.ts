import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { newPartnerTag } from '../../../../shared/domain/ids';
import { projectRoot } from '../../../../shared/project';
import { anEvent } from '../../../support/builders';
import { ADMIN_TOKEN, freshEnv } from '../../../support/harness';
import { anApplication, asAdmin } from '../../../support/partners';
import { testProcesses } from '../../../support/processes';
import { rawRequest } from '../../../support/raw-request';

const start = testProcesses();

describe('logs of partner requests', () => {
  it('contain neither API keys nor the admin token, in whichever header they are sent, even at trace level', async () => {
    const api = await start('api', freshEnv({ LOG_LEVEL: 'trace' }));
    const { client } = api;
    const { applicationId } = (await client.post('/v1/partners/applications', undefined, anApplication())).body;
    const path = `/applications/${applicationId}/approve`;
    const { liveApiKey } = (await asAdmin(client, 'POST', path, { plan: 'ENTERPRISE' })).body;
    const unknown = newApiKey('live', newPartnerTag()).key;
    const send = async (headers: Record<string, string | string[]>, at = '/v1/events'): Promise<number> =>
      (
        await rawRequest(`http://127.0.0.1:${api.port}`, {
          method: 'POST',
          path: at,
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(anEvent()),
        })
      ).status;
    const bearer = `Bearer ${liveApiKey}`;
    expect(await send({ authorization: bearer })).toBe(202);
    expect(await send({ authorization: bearer, 'x-api-key': liveApiKey })).toBe(400);
    expect(await send({ authorization: [bearer, bearer] })).toBe(400);
    expect(await send({ authorization: `Basic ${liveApiKey}` })).toBe(401);
    expect(await send({ authorization: `Bearer ${unknown}` })).toBe(401);
    expect(await send({ 'x-api-key': unknown })).toBe(401);
    expect(await send({ authorization: bearer }, '/nowhere')).toBe(404);
    expect(await send({ authorization: bearer }, '/v1/events/%zz')).toBe(400);
    await client.request('GET', '/admin/partners', { headers: { 'x-admin-token': `${ADMIN_TOKEN}x` } });

    await api.stop();
    const logs = api.stdout() + api.stderr();
    expect(logs).toContain('api started');
    expect(logs).toContain('incorrect admin token');
    for (const secret of [liveApiKey as string, unknown, ADMIN_TOKEN]) expect(logs).not.toContain(secret.slice(0, 30));
  });

  it.each(['authorization', 'x-api-key', 'x-admin-token', 'cookie'])(
    'redact the %s header if a request is logged',
    (name) => {
      const log = join(projectRoot(), 'dist/shared/log.js');
      const headers = JSON.stringify({ [name]: 'secret-value', host: 'mir.example' });
      const script = `require(${JSON.stringify(log)}).createLog('info', 'test').info({ headers: ${headers}, req: { headers: ${headers} } }, 'request')`;
      const line = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
      expect(line).toContain('mir.example');
      expect(line.split('[secret]')).toHaveLength(3);
      expect(line).not.toContain('secret-value');
    },
  );
});
