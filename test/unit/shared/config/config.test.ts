import { describe, expect, it } from '@jest/globals';
import { readConfig, SettingsError } from '../../../../shared/config/config';

const PEPPER = 'a-pepper-of-at-least-32-characters';
const OPERATOR = {
  OPERATOR_NAME: 'Harbour Association',
  OPERATOR_CONTACT: 'support@mir.example',
  PRIVACY_URL: 'https://mir.example/privacy',
  TERMS_URL: 'https://mir.example/terms',
};
const GOOD = { MONGO_URL: 'mongodb://127.0.0.1/mir', REDIS_URL: 'redis://127.0.0.1' };

/** Returns the error message for these settings. */
function rejection(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
  throw new Error('these settings were accepted');
}

describe('readConfig', () => {
  it('rejects REDIS_CLUSTER=true with a URL that cannot name a cluster', () => {
    for (const [REDIS_URL, problem] of [
      ['redis+sentinel://a/mymaster', /REDIS_URL: must not name Sentinels/],
      ['redis://a/3', /REDIS_URL: must not select a database/],
    ] as const) {
      expect(() => readConfig({ ...GOOD, REDIS_URL, REDIS_CLUSTER: 'true' })).toThrow(problem);
    }
    expect(readConfig({ ...GOOD, REDIS_URL: 'redis://a', REDIS_CLUSTER: 'true' }).redisUrl).toBe('redis+cluster://a');
  });

  it('requires only the two store URLs, and has defaults for all other settings', () => {
    expect(readConfig(GOOD)).toMatchObject({
      production: false,
      port: 3000,
      metricsPort: 3100,
      metricsOnPublicPort: false,
      cacheRedisUrl: GOOD.REDIS_URL,
      adminToken: null,
      catalogFile: null,
      queueDurability: 'everysec',
      tierRules: { tier2: { minEvents: 20, minDays: 30 }, tier3: { minEvents: 100, minDays: 180 } },
    });
  });

  it('reports every invalid setting in one message', () => {
    const message = rejection({
      MONGO_URL: 'http://wrong',
      PORT: 'eighty',
      METRICS_PORT: '70000',
      ADMIN_TOKEN: 'short',
      KEYSPACE: 'Not Allowed',
      QUEUE_DURABILITY: 'maybe',
      PUBLIC_URL: 'javascript:alert(1)',
      NODE_ENV: 'staging',
    });
    const named = [...message.matchAll(/^ {2}- (\w+): \S/gm)].map(([, name]) => name);
    expect(named.toSorted((a, b) => a!.localeCompare(b!))).toEqual(
      [
        'ADMIN_TOKEN',
        'KEYSPACE',
        'METRICS_PORT',
        'MONGO_URL',
        'NODE_ENV',
        'PORT',
        'PUBLIC_URL',
        'QUEUE_DURABILITY',
        'REDIS_URL',
      ].sort(),
    );
    expect(message).toContain('9 settings are invalid');
    expect(message).toMatch(/REDIS_URL: is required\. .+/);
  });

  it('never includes secrets in the message', () => {
    const message = rejection({
      ...GOOD,
      ADMIN_TOKEN: 'secret-a',
      SUBJECT_PEPPER: 'secret-b',
      REDIS_URL: 'http://u:secret-c@h',
    });
    expect(message).not.toMatch(/secret-/);
  });

  it('requires a pepper in production, explains how to generate one, and reports other problems too', () => {
    const message = rejection({ ...GOOD, NODE_ENV: 'production', PORT: '-1', LOGO_FILE: 'logo.gif' });
    expect(message).toMatch(/SUBJECT_PEPPER: is required in production.*openssl rand/);
    expect(message).toContain('PORT: ');
    expect(message).toContain('LOGO_FILE: must be the path of a file');
    expect(readConfig({ ...GOOD, NODE_ENV: 'production', SUBJECT_PEPPER: PEPPER })).toMatchObject({
      production: true,
      subjectPepper: PEPPER,
    });
  });

  it('rejects an empty pepper in production, and a short pepper in every environment', () => {
    expect(rejection({ ...GOOD, NODE_ENV: 'production', SUBJECT_PEPPER: '' })).toContain('SUBJECT_PEPPER: is required');
    expect(rejection({ ...GOOD, SUBJECT_PEPPER: 'x'.repeat(31) })).toContain('SUBJECT_PEPPER: must have at least 32');
  });

  it('derives the development pepper from MONGO_URL, so that the pepper survives a restart', () => {
    const one = readConfig(GOOD).subjectPepper;
    expect(readConfig(GOOD).subjectPepper).toBe(one);
    expect(readConfig({ ...GOOD, MONGO_URL: 'mongodb://127.0.0.1/other' }).subjectPepper).not.toBe(one);
  });

  it.each([
    [{ TIER_3_MIN_EVENTS: '19' }, 'TIER_3_MIN_EVENTS'],
    [{ TIER_2_MIN_DAYS: '181' }, 'TIER_3_MIN_DAYS'],
  ])('rejects contradictory tier thresholds: %j', (env, named) => {
    expect(rejection({ ...GOOD, ...env })).toContain(`${named}: must not be less than`);
  });

  it('treats an empty variable as unset', () => {
    expect(readConfig({ ...GOOD, PORT: '', ADMIN_TOKEN: '', CACHE_REDIS_URL: '' })).toMatchObject({
      port: 3000,
      adminToken: null,
      cacheRedisUrl: GOOD.REDIS_URL,
    });
  });

  it.each([
    [{}, { kind: 'outbox' }],
    [{ PUBLIC_URL: 'http://127.0.0.1:3000' }, { kind: 'outbox' }],
    [{ PUBLIC_URL: 'https://mir.example' }, { kind: 'off' }],
    [{ PUBLIC_URL: 'http://localhost.mir.example' }, { kind: 'off' }],
    [{ NODE_ENV: 'production', SUBJECT_PEPPER: PEPPER }, { kind: 'off' }],
    [
      {
        NODE_ENV: 'production',
        SUBJECT_PEPPER: PEPPER,
        SMTP_URL: 'smtps://u:p@mail.example',
        MAIL_FROM: 'mir@mir.example',
        ...OPERATOR,
      },
      { kind: 'smtp', url: 'smtps://u:p@mail.example', from: 'mir@mir.example' },
    ],
  ])('enables the outbox only in a local deployment: %j', (env, mail) => {
    expect(readConfig({ ...GOOD, ...env }).mail).toEqual(mail);
  });

  it('requires MAIL_FROM with SMTP_URL', () => {
    expect(rejection({ ...GOOD, SMTP_URL: 'smtp://mail.example' })).toContain('MAIL_FROM: is required');
  });

  it('requires all operator settings in production with email, and lists every missing one with its fix', () => {
    const production = { ...GOOD, NODE_ENV: 'production', SUBJECT_PEPPER: PEPPER };
    const mail = { SMTP_URL: 'smtp://mail.example', MAIL_FROM: 'mir@mir.example' };
    expect(rejection({ ...production, ...mail })).toMatchInlineSnapshot(`
"MIR cannot start: 4 settings are invalid.
  - OPERATOR_NAME: is required in production with SMTP_URL, which turns on pages for people. Set the name of the person or organization that operates this server.
  - OPERATOR_CONTACT: is required in production with SMTP_URL, which turns on pages for people. Set an email address or an https URL where people and partners reach you.
  - PRIVACY_URL: is required in production with SMTP_URL, which turns on pages for people. Set the URL of your privacy policy.
  - TERMS_URL: is required in production with SMTP_URL, which turns on pages for people. Set the URL of your terms of service.
Settings are environment variables. See deploy/docs/settings.md for all of them."
`);
    for (const name of Object.keys(OPERATOR)) {
      const message = rejection({ ...production, ...mail, ...OPERATOR, [name]: '' });
      expect([...message.matchAll(/^ {2}- (\w+):/gm)].map(([, setting]) => setting)).toEqual([name]);
    }
    const missing = { name: null, contact: null, privacyUrl: null, termsUrl: null };
    expect(readConfig(production).operator).toEqual(missing);
    expect(readConfig({ ...GOOD, ...mail }).operator).toEqual(missing);
    expect(readConfig({ ...production, ...mail, ...OPERATOR }).operator).toEqual({
      name: 'Harbour Association',
      contact: 'support@mir.example',
      privacyUrl: 'https://mir.example/privacy',
      termsUrl: 'https://mir.example/terms',
    });
  });

  it.each([
    ['OPERATOR_NAME', ' ', /OPERATOR_NAME: /],
    ['OPERATOR_NAME', 'Two\nlines', /OPERATOR_NAME: Must not contain control/],
    [
      'OPERATOR_CONTACT',
      'call us',
      /OPERATOR_CONTACT: must be an email address, such as .* or a URL that starts with https:/,
    ],
    ['OPERATOR_CONTACT', 'http://mir.example/help', /OPERATOR_CONTACT: must be/],
    ['OPERATOR_CONTACT', 'a@mir.example?bcc=b@mir.example', /OPERATOR_CONTACT: must be/],
    ['PRIVACY_URL', 'javascript:alert(1)', /PRIVACY_URL: must be a URL that starts with https:\/\/ or http:\/\//],
    ['TERMS_URL', 'mir.example/terms', /TERMS_URL: must be a URL/],
  ])('rejects %s=%j', (name, value, problem) => {
    expect(rejection({ ...GOOD, [name]: value })).toMatch(problem);
  });

  it('accepts an https URL as the contact', () => {
    const OPERATOR_CONTACT = 'https://mir.example/help';
    expect(readConfig({ ...GOOD, OPERATOR_CONTACT }).operator.contact).toBe(OPERATOR_CONTACT);
  });

  it.each(['127.0.0.1', '0.0.0.0', '192.0.2.1', '::', '::1', 'fd00::2', 'localhost'])(
    'accepts the bind address %s',
    (address) => {
      expect(readConfig({ ...GOOD, BIND_ADDRESS: address }).bindAddress).toBe(address);
    },
  );

  it.each(['127.0.0.1:3000', '[::1]', 'fe80::1%eth0', '127.1', '*', 'all', 'mir.example', ' ::'])(
    'rejects the bind address %j',
    (address) => {
      expect(rejection({ ...GOOD, BIND_ADDRESS: address })).toContain('BIND_ADDRESS: must be an IP address');
    },
  );

  it('defaults to listening on all interfaces', () => {
    expect(readConfig(GOOD).bindAddress).toBeNull();
    expect(readConfig({ ...GOOD, BIND_ADDRESS: '' }).bindAddress).toBeNull();
  });

  const OIDC = { OIDC_ISSUER: 'https://login.example/', OIDC_CLIENT_ID: 'mir', OIDC_CLIENT_SECRET: 'secret-d' };

  it('requires all OIDC settings or none, and names the provider after its host by default', () => {
    expect(readConfig(GOOD).oidc).toBeNull();
    const { oidc } = readConfig({ ...GOOD, ...OIDC });
    const client = { clientId: 'mir', clientSecret: 'secret-d' };
    expect(oidc).toEqual({ issuer: 'https://login.example', name: 'login.example', ...client });
    expect(readConfig({ ...GOOD, ...OIDC, OIDC_NAME: 'Harbour ID' }).oidc?.name).toBe('Harbour ID');
    for (const name of Object.keys(OIDC)) {
      expect(rejection({ ...GOOD, ...OIDC, [name]: '' })).toContain(`${name}: is required`);
    }
  });

  it('requires HTTPS for the OIDC issuer, unless the issuer is on this machine', () => {
    expect(rejection({ ...GOOD, ...OIDC, OIDC_ISSUER: 'http://login.example' })).toContain(
      'OIDC_ISSUER: must use https',
    );
    expect(readConfig({ ...GOOD, ...OIDC, OIDC_ISSUER: 'http://localhost:9000' }).oidc).not.toBeNull();
  });
});
