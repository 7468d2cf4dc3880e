import { readCatalog } from '../../../shared/runtime';
import { type Config, isLocalUrl, SettingsError } from '../../../shared/config/config';
import { messageOf } from '../../../shared/errors';
import { type Finding, fail, ok, warn } from './finding';

const MIN_NODE = [20, 19] as const;

/** Returns one finding for each invalid setting. */
export function settingsProblems(error: unknown): Finding[] {
  if (!(error instanceof SettingsError)) {
    return [fail('settings', messageOf(error), "run this command with the API's environment")];
  }
  return error.problems.map((problem) =>
    fail('settings', problem, 'change the environment variable; deploy/docs/settings.md lists the allowed values'),
  );
}

function checkCatalog({ catalogFile }: Config): Finding[] {
  try {
    readCatalog(catalogFile);
    return [];
  } catch (error) {
    return [fail('settings', messageOf(error), 'fix the file or unset CATALOG_FILE; no process starts until then')];
  }
}

/** Checks for settings that are unsafe if the deployment is reachable from outside. */
function checkExposure({ production, publicUrl, trustProxyHops, webhooksToPrivateAddresses }: Config): Finding[] {
  const findings: Finding[] = [];
  if (production && publicUrl.startsWith('http://')) {
    const found = `PUBLIC_URL is ${publicUrl}, so pages and links do not use TLS`;
    findings.push(
      warn('settings', found, 'put a TLS proxy in front of MIR and set PUBLIC_URL to its https:// address'),
    );
  } else if (production && trustProxyHops === 0) {
    const found =
      "TRUST_PROXY_HOPS is 0, so every caller appears to have the TLS proxy's IP address, and one abusive caller locks out all others";
    findings.push(warn('settings', found, 'set it to the exact number of proxies in front of the API'));
  }
  if (webhooksToPrivateAddresses && (production || !isLocalUrl(publicUrl))) {
    const found = 'WEBHOOKS_TO_PRIVATE_ADDRESSES is on, so partners can make MIR send requests into your network';
    findings.push(warn('settings', found, 'unset it'));
  }
  return findings;
}

/** Checks the Node version, and checks the parsed settings for values that do not work or are not recommended. */
export function checkSettings(config: Config, given: { pepper: boolean }): Finding[] {
  const findings: Finding[] = [];
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNodeNew = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  const node = `Node ${process.versions.node}`;
  findings.push(isNodeNew ? ok('node', node) : fail('node', node, `upgrade to Node ${MIN_NODE.join('.')} or later`));
  findings.push(...checkCatalog(config));
  if (config.adminToken === null) {
    findings.push(
      warn(
        'settings',
        'ADMIN_TOKEN is not set, so the /admin routes are off',
        'set it to the output of: openssl rand -hex 32',
      ),
    );
  }
  if (!given.pepper) {
    const found = 'SUBJECT_PEPPER is not set, so it is derived from MONGO_URL and changes with it';
    const remedy = 'before storing real data, set it to the output of `openssl rand -hex 32`, and never change it';
    findings.push(warn('settings', found, remedy));
  }
  if (config.mail.kind === 'off') {
    const found = 'no mail server is configured, so the pages for people (sign-up, connections) are off';
    findings.push(warn('settings', found, 'set SMTP_URL and MAIL_FROM'));
  }
  findings.push(...checkExposure(config));
  if (config.production && config.cacheRedisUrl === config.redisUrl) {
    const found = 'queue and cache share one Redis, so cached rows take memory from the queue';
    findings.push(warn('settings', found, 'set CACHE_REDIS_URL to a separate Redis (allkeys-lru, no persistence)'));
  }
  if (findings.every(({ check }) => check !== 'settings')) findings.push(ok('settings', 'valid'));
  return findings;
}
