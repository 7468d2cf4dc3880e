import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findOnPath } from '../../../deploy/local/paths';
import { freePort } from '../../../deploy/local/ports';
import { readConfig } from '../../../shared/config/config';
import { parseRedisUrl } from '../../../shared/config/redis-url';
import { SETTINGS } from '../../../shared/config/settings';
import { FORCED_EXIT_SLACK_MS } from '../../../shared/process/lifecycle';
import { projectRoot } from '../../../shared/project';
import { cli } from '../../support/cli';
import { type ComposeModel, composeModel, type ComposeService, describeWithCompose } from '../../support/compose';
import { freshEnv } from '../../support/harness';
import { type OpenedStore, openOwnRedis } from '../../support/own-store';
import { waitUntil } from '../../support/wait-until';

const BASE = ['docker-compose.yml'];
const CLUSTER = [...BASE, 'deploy/compose/cluster.yml'];
const PROXY_CONFIG = 'deploy/haproxy/haproxy.cfg';
const SECRETS = { SUBJECT_PEPPER: 's'.repeat(64), ADMIN_TOKEN: 't'.repeat(64) };
const APIS = ['api-1', 'api-2', 'api-3'];
const NODES = ['queue', 'queue-2', 'queue-3', 'queue-4', 'queue-5', 'queue-6'];
const PROCESSES = [...APIS, 'worker', 'migrate'];
const COMPLETED = { condition: 'service_completed_successfully' };

const isRedisCliMissing = findOnPath('redis-cli', process.env) === null && process.env['CI'] !== 'true';
if (isRedisCliMissing) process.stderr.write('Skipping a test of the Redis Cluster in Compose: redis-cli is missing.\n');

/** Returns the value of a command-line option. */
const optionOf = ({ command = [] }: ComposeService, name: string): string | undefined =>
  command[command.indexOf(name) + 1];
/** Returns the services that start without a profile. */
const started = ({ services }: ComposeModel): [string, ComposeService][] =>
  Object.entries(services).filter(([, { profiles }]) => profiles === undefined);

describeWithCompose('docker-compose.yml', () => {
  it("is valid for Compose's own parser", async () => {
    const { services } = await composeModel(BASE, SECRETS);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(['api', 'worker', 'queue']));
  });
});

describeWithCompose('deploy/compose/cluster.yml', () => {
  let base: ComposeModel;
  let cluster: ComposeModel;
  let services: ComposeModel['services'];
  beforeAll(async () => {
    base = await composeModel(BASE, SECRETS);
    cluster = await composeModel(CLUSTER, SECRETS);
    ({ services } = cluster);
  });

  it('runs all processes on the nodes of one Redis Cluster, with six shards', () => {
    for (const name of PROCESSES) {
      const { environment = {} } = services[name]!;
      expect(Object.keys(environment).filter((setting) => !Object.hasOwn(SETTINGS, setting))).toEqual([]);
      const config = readConfig(environment);
      expect(config).toMatchObject({ production: true, eventQueueShards: 6 });
      const redis = parseRedisUrl(config.redisUrl);
      expect(redis.layout === 'cluster' && redis.nodes).toEqual(NODES.map((host) => ({ host, port: 6379 })));
      expect(parseRedisUrl(config.cacheRedisUrl)).toEqual({ layout: 'server', url: 'redis://cache:6379' });
    }
  });

  it('replaces the API with three processes that differ from it only in the settings of the layout', () => {
    expect(services['api']!.profiles).toEqual(['single']);
    for (const name of APIS) {
      const { environment, networks, depends_on, stop_grace_period, ...others } = services[name]!;
      const {
        environment: single,
        networks: _networks,
        depends_on: needed,
        stop_grace_period: _gracePeriod,
        ports: _ports,
        ...same
      } = base.services['api']!;
      expect(others).toEqual(same);
      expect(environment).toMatchObject({ QUEUE_DURABILITY: 'replicated', TRUST_PROXY_HOPS: '1' });
      expect(Object.keys(single!).filter((setting) => !(setting in environment!))).toEqual([]);
      expect(depends_on).toMatchObject({ ...needed, 'queue-cluster': COMPLETED });
      // Prometheus finds the processes by this name.
      expect(networks!.default!.aliases).toEqual(['api']);
      const { shutdownDelayMs, drainTimeoutMs } = readConfig(environment);
      expect(shutdownDelayMs).toBeGreaterThan(0);
      const neededMs = shutdownDelayMs + drainTimeoutMs + FORCED_EXIT_SLACK_MS;
      expect(Number.parseInt(stop_grace_period!) * 1_000).toBeGreaterThan(neededMs);
    }
  });

  it('publishes only the proxy, on loopback by default, and gives it the addresses of the API', () => {
    const published = started(cluster).filter(([, { ports = [] }]) => ports.length > 0);
    expect(published.map(([name, { ports }]) => [name, ports])).toEqual([['proxy', ['127.0.0.1:3000:3000']]]);
    const { environment = {}, volumes = [], depends_on } = services['proxy']!;
    expect(environment).toEqual({
      MIR_PROXY_PORT: 3000,
      ...Object.fromEntries(
        APIS.map((name, n) => [`MIR_API_${n + 1}`, `${services[name]!.networks!.default!.ipv4_address}:3000`]),
      ),
    });
    expect(Object.keys(depends_on!)).toEqual(APIS);
    expect(volumes.map(({ source, read_only }) => [source, read_only])).toEqual([[`./${PROXY_CONFIG}`, true]]);
    const config = join(projectRoot(), PROXY_CONFIG);
    const used = [...readFileSync(config, 'utf8').matchAll(/"[^"]*\$\{(\w+)\}"/g)].map(([, name]) => name);
    expect(new Set(used)).toEqual(new Set(Object.keys(environment)));
  });

  it('gives every node the options and the image of the queue, an fsync before replies, and a volume', () => {
    const single = base.services['queue']!;
    for (const name of NODES) {
      const { image, command, mem_limit, healthcheck } = services[name]!;
      expect({ image, mem_limit, healthcheck }).toEqual({
        image: single.image,
        mem_limit: single.mem_limit,
        healthcheck: single.healthcheck,
      });
      const options = single.command!.filter((option) => option.startsWith('--'));
      for (const option of options.filter((one) => one !== '--appendfsync')) {
        expect([option, optionOf({ ...services[name]!, command: command! }, option)]).toEqual([
          option,
          optionOf(single, option),
        ]);
      }
      expect(optionOf(services[name]!, '--appendfsync')).toBe('always');
      expect(optionOf(services[name]!, '--min-replicas-to-write')).toBe('1');
      expect(optionOf(services[name]!, '--cluster-enabled')).toBe('yes');
    }
    const volumes = NODES.flatMap((name) => services[name]!.volumes!.map(({ source, target }) => [source, target]));
    expect(volumes).toEqual(NODES.map((_, n) => [`queue-${n + 1}-data`, '/data']));
  });

  it('forms the cluster of the addresses of the nodes before any process starts', () => {
    const former = services['queue-cluster']!;
    const addresses = NODES.map((name) => services[name]!.networks!.default!.ipv4_address);
    expect(former.environment!['NODES']!.split(/\s+/)).toEqual(addresses.map((address) => `${address}:6379`));
    expect(former.restart).toBe('no');
    expect(former.volumes ?? []).toEqual([]);
    expect(Object.keys(former.depends_on!)).toEqual(NODES);
    for (const name of PROCESSES) expect(services[name]!.depends_on!['queue-cluster']).toMatchObject(COMPLETED);
  });

  it('uses addresses outside of the range from which Docker chooses, and another subnet on demand', async () => {
    const addressesIn = (model: ComposeModel): string[] =>
      Object.values(model.services).flatMap(({ networks }) => networks?.default?.ipv4_address ?? []);
    const [{ subnet, ip_range }] = cluster.networks.default.ipam!.config as [{ subnet: string; ip_range: string }];
    expect([subnet, ip_range]).toEqual(['172.30.15.0/24', '172.30.15.128/25']);
    const addresses = addressesIn(cluster);
    expect(new Set(addresses).size).toBe(NODES.length + APIS.length);
    for (const address of addresses) {
      expect(address).toMatch(/^172\.30\.15\.\d+$/);
      expect(Number(address.split('.')[3])).toBeLessThan(128);
    }
    const moved = await composeModel(CLUSTER, { ...SECRETS, NETWORK_PREFIX: '10.9.8' });
    expect(JSON.stringify(moved)).not.toContain('172.30.15');
    expect(addressesIn(moved)[0]).toMatch(/^10\.9\.8\./);
  });

  it('pins every image, and limits the memory and log size of every container', () => {
    for (const [, { image, mem_limit, logging }] of started(cluster)) {
      if (image !== 'mir:local') expect(image).toMatch(/^[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}$/);
      expect(mem_limit).toMatch(/^\d+[mg]$/);
      expect(logging?.options).toEqual({ 'max-size': expect.any(String), 'max-file': expect.any(String) });
    }
  });

  (isRedisCliMissing ? describe.skip : describe)('the commands of the nodes and of queue-cluster', () => {
    const nodes: OpenedStore[] = [];
    const addresses: string[] = [];
    afterAll(() => Promise.all(nodes.map((node) => node.end())));

    const form = async (): Promise<string> => {
      const [shell, ...args] = services['queue-cluster']!.command!;
      const env = { ...process.env, NODES: addresses.join(' ') };
      return (await promisify(execFile)(shell!, args, { env })).stdout;
    };

    it('form a cluster once, on which mir doctor reports the layout, the shards and a confirmed write', async () => {
      const [, ...options] = services['queue']!.command!;
      for (let n = 0; n < NODES.length; n += 1) {
        const bus = String(await freePort());
        const node = await openOwnRedis({ args: [...options, '--cluster-port', bus] });
        nodes.push(node);
        addresses.push(`${new URL(node.url).host}@${bus}`);
      }
      expect(await form()).toContain('[OK] All 16384 slots covered.');
      expect(await form()).toBe('the cluster is already formed\n');

      const redisUrl = `redis://${nodes.map(({ url }) => new URL(url).host).join(',')}`;
      const env = { ...freshEnv({ REDIS_URL: redisUrl }), EVENT_QUEUE_SHARDS: '6', QUEUE_DURABILITY: 'replicated' };
      const found = async (): Promise<string[]> => {
        const { checks } = (await cli(env, 'doctor', '--json')).json() as { checks: Record<string, string>[] };
        return checks.filter(({ verdict }) => verdict === 'OK').map((check) => check['found']!);
      };
      // Nodes learn within a second or two which of the others are replicas.
      let last: string[] = [];
      await waitUntil('all nodes are known', async () => {
        last = await found();
        return last.some((text) => text.includes('3 replicas'));
      });
      expect(last).toEqual(
        expect.arrayContaining([
          'layout: cluster of 3 primaries and 3 replicas',
          expect.stringContaining('layout: replica set, primary of '),
          'EVENT_QUEUE_SHARDS=6',
          'a replica has confirmed a write',
        ]),
      );
    });
  });
});
