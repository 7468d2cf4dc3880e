import { readCatalog } from '../../../shared/runtime';
import { type Config, isLocalUrl, SettingsError } from '../../../shared/config/config';
import { messageOf } from '../../../shared/errors';
import { type Finding, fail, ok, warn } from './finding';

const MIN_NODE = [20, 19] as const;

/** Settings that cannot be used: one finding for each problem. */
export function settingsProblems(error: unknown): Finding[] {
  if (!(error instanceof SettingsError)) {
    return [fail('settings', messageOf(error), 'give this command the environment that the API has')];
  }
  return error.problems.map((problem) =>
    fail('settings', problem, "change the environment variable; the README's table says what it may be"),
  );
}

function checkCatalog({ catalogFile }: Config): Finding[] {
  try {
    readCatalog(catalogFile);
    return [];
  } catch (error) {
    return [fail('settings', messageOf(error), 'correct the file, or unset CATALOG_FILE: no process starts with it')];
  }
}

/** What is for a laptop, or forgotten, in an installation that the world reaches. */
function checkExposure({ production, publicUrl, trustProxyHops, webhooksToPrivateAddresses }: Config): Finding[] {
  const findings: Finding[] = [];
  if (production && publicUrl.startsWith('http://')) {
    const found = `PUBLIC_URL is ${publicUrl}: pages and links without TLS`;
    findings.push(warn('settings', found, 'put a TLS proxy in front and give PUBLIC_URL its https:// address'));
  } else if (production && trustProxyHops === 0) {
    const found =
      'TRUST_PROXY_HOPS is 0, so all callers have the address of the TLS proxy: who tries too often locks out all';
    findings.push(warn('settings', found, 'set it to the exact number of proxies in front of the API'));
  }
  if (webhooksToPrivateAddresses && (production || !isLocalUrl(publicUrl))) {
    const found = 'WEBHOOKS_TO_PRIVATE_ADDRESSES is on: partners can have requests made into your network';
    findings.push(warn('settings', found, 'unset it'));
  }
  return findings;
}

/** Settings that cannot be used after all, or are not wise, and the Node that runs. */
export function checkSettings(config: Config, given: { pepper: boolean }): Finding[] {
  const findings: Finding[] = [];
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNodeNew = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  const node = `Node ${process.versions.node}`;
  findings.push(
    isNodeNew ? ok('node', node) : fail('node', node, `run it on Node ${MIN_NODE.join('.')} or a later version`),
  );
  findings.push(...checkCatalog(config));
  if (config.adminToken === null) {
    findings.push(
      warn('settings', 'ADMIN_TOKEN is not set: the /admin routes are off', 'set it: openssl rand -hex 32'),
    );
  }
  if (!given.pepper) {
    const found = 'SUBJECT_PEPPER is not set: it is derived from MONGO_URL, and changes with it';
    findings.push(warn('settings', found, 'set it before real data comes in: openssl rand -hex 32; never change it'));
  }
  if (config.mail.kind === 'off') {
    const found = 'no mail leaves here: the pages for people (sign-up, links) are off';
    findings.push(warn('settings', found, 'set SMTP_URL and MAIL_FROM'));
  }
  findings.push(...checkExposure(config));
  if (config.production && config.cacheRedisUrl === config.redisUrl) {
    const found = 'queue and cache share one Redis: cached rows take the room that the queue needs';
    findings.push(warn('settings', found, 'give CACHE_REDIS_URL a Redis of its own (allkeys-lru, no persistence)'));
  }
  if (findings.every(({ check }) => check !== 'settings')) findings.push(ok('settings', 'all can be used'));
  return findings;
}
