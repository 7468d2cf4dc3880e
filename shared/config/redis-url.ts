/** A Redis Cluster: some of its nodes. */
export type ClusterEndpoint = { layout: 'cluster'; nodes: HostAndPort[] } & Login;

/** Where a Redis deployment is, and how to connect to it. */
export type RedisEndpoint =
  | { layout: 'server'; url: string }
  | ClusterEndpoint
  | ({
      layout: 'sentinel';
      sentinels: HostAndPort[];
      name: string;
      db: number;
      sentinelPassword: string | null;
    } & Login);

export type RedisLayout = RedisEndpoint['layout'];

interface HostAndPort {
  host: string;
  port: number;
}

interface Login {
  tls: boolean;
  username: string | null;
  password: string | null;
}

const PORT = 6379;
const SENTINEL_PORT = 26_379;
const REDIS_URL =
  /^redis(?<tls>s?)(?:\+(?<layout>cluster|sentinel))?:\/\/(?:(?<login>[^@/]*)@)?(?<hosts>[^/?#]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/;
const HOST = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

function parseHosts(text: string, defaultPort: number): HostAndPort[] {
  return text.split(',').map((one) => {
    const { host, port } = HOST.exec(one)?.groups ?? {};
    if (host === undefined) throw new Error(`"${one}" is not a host with an optional port`);
    return { host: host.replaceAll(/[[\]]/g, ''), port: port === undefined ? defaultPort : Number(port) };
  });
}

function parseLogin(text = '', tls: boolean): Login {
  const [username, ...password] = text.split(':');
  const part = (value: string | undefined): string | null => (value ? decodeURIComponent(value) : null);
  return { tls, username: part(username), password: part(password.join(':')) };
}

/**
 * Parses a Redis URL:
 * - `redis://host:port/db`: one server
 * - `redis://host:port,host:port` or `redis+cluster://host:port`: some nodes of a Redis Cluster
 * - `redis+sentinel://host:port,host:port/name`: the Sentinels that know the primary with this name. `/name/1` selects
 *   a database, and `?sentinelPassword=…` is the password of the Sentinels themselves.
 *
 * `rediss` instead of `redis` uses TLS. Throws an error that says what is wrong with the URL.
 */
export function parseRedisUrl(url: string): RedisEndpoint {
  const { tls, layout, login, hosts, path = '', query = '' } = REDIS_URL.exec(url)?.groups ?? {};
  if (hosts === undefined)
    throw new Error('must start with redis:// or rediss://, or with redis+cluster:// or redis+sentinel://');
  const access = parseLogin(login, tls === 's');
  if (layout === 'sentinel') {
    const [name = '', db = '0'] = path.split('/').map(decodeURIComponent);
    if (name === '')
      throw new Error('must end with the name of the primary, for example redis+sentinel://host:26379/mymaster');
    if (!/^\d+$/.test(db)) throw new Error('must select a database by its number, for example /mymaster/1');
    const sentinelPassword = new URLSearchParams(query).get('sentinelPassword');
    return { layout, sentinels: parseHosts(hosts, SENTINEL_PORT), name, db: Number(db), sentinelPassword, ...access };
  }
  if (layout === undefined && !hosts.includes(',')) return { layout: 'server', url };
  if (path !== '' && path !== '0') throw new Error('must not select a database, because a Redis Cluster has only one');
  return { layout: 'cluster', nodes: parseHosts(hosts, PORT), ...access };
}

/** Returns the URL of one node of a cluster. */
export function urlOfNode({ tls, username, password }: Login, address: string): string {
  const login = [username ?? '', password ?? ''].map(encodeURIComponent).join(':');
  return `redis${tls ? 's' : ''}://${login === ':' ? '' : `${login}@`}${address}`;
}

/** Returns the URL of a cluster of which the given URL names one or more nodes. Throws if it cannot name a cluster. */
export function clusterUrl(url: string): string {
  if (parseRedisUrl(url).layout === 'sentinel') throw new Error('must not name Sentinels with REDIS_CLUSTER=true');
  return url.replace(/^redis(s?):/, 'redis$1+cluster:');
}
