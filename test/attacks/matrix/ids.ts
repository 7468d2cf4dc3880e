import type { Route } from '../../../api/http/route';
import type { Control } from './controls';
import type { Credential } from './credentials';
import type { ResourceParameter } from './parameters';
import { type NewResource, newAddress, newDelivery, type Owner, unique } from './resources';
import { appendEntries, sealAll } from '../../support/audit-entries';
import { readAuditStream } from '../../support/audit-stream';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { accessToken } from '../../support/staff';
import type { World } from './world';

/** Whose ID a request uses. `other list` is a cursor of another list. */
type Whose = 'own' | 'foreign' | 'foreign test' | 'other environment' | 'sibling' | 'other list' | 'nonexistent';

/** One way to fill in a parameter that names a resource. */
export interface Assignment {
  parameter: ResourceParameter;
  whose: Whose | 'malformed';
  value: unknown;
}

/** Kinds of resources that both environments of a partner share. */
const OF_PARTNER: ReadonlySet<string> = new Set(['member', 'invitation']);
/** Lists that only members may read. */
const MEMBERS_LISTS: Record<string, 'member' | 'invitation'> = {
  '/members': 'member',
  '/members/invitations': 'invitation',
};

const BIDI_OVERRIDE = '\u202e';
const MALFORMED_TEXTS = ['$ne', '{"$ne":null}', '__proto__', 'a\u0000b', `${BIDI_OVERRIDE}x`, 'x'.repeat(600), '  '];
const MALFORMED_VALUES = [{ $ne: null }, { $gt: '' }, [], [['x']], null, 7, true];

/** Returns an ID of the same form that no resource has. */
function nonexistent(value: string): string {
  const last = value.at(-1) === '0' ? '1' : '0';
  return value.slice(0, -1) + last;
}

/** The IDs in a path, by parameter. */
export type PathIds = Record<string, string>;

/** Returns the ID of an owner's resource for a request with these IDs in its path. */
export type IdOf = (parameter: ResourceParameter, owner: Owner, path: PathIds) => Promise<string>;

/** Returns altered cursors, among them other encodings of the same bytes. */
function forgedCursors(cursor: string): string[] {
  const bytes = Buffer.from(cursor, 'base64url');
  const flipped = Buffer.from(bytes);
  flipped[flipped.length - 1]! ^= 1;
  const position = Buffer.from(JSON.stringify([0, 'zzz'])).toString('base64url');
  const encodings = [`${bytes.toString('base64')}=`, `${cursor}.`, ` ${cursor}`, `${cursor}\n`];
  return [cursor.slice(0, -1), `${cursor}x`, flipped.toString('base64url'), position, ...encodings];
}

export interface RouteIds {
  /** Returns a new value for a parameter, so that a request can consume it. */
  fresh: IdOf;
  /** Returns the same value every time, for requests that do not consume it. */
  shared: IdOf;
  /** Returns all ways to fill in a parameter, except with a new ID of the caller's own. */
  assignments(parameter: ResourceParameter, credential: Credential, path: PathIds): Promise<Assignment[]>;
}

/** Provides the IDs for the requests of one route. Requests that must be rejected share them. */
export function idsOf(h: Harness, world: World, route: Route, control: Control, create: NewResource): RouteIds {
  const created = new Map<string, Promise<string>>();

  async function cursorOf(path: string, headers: Record<string, string>): Promise<string> {
    const { body } = await h.client.request('GET', `${path}?limit=1`, { headers: { ...headers, ...newAddress() } });
    if (typeof body.nextCursor !== 'string') throw new Error(`${path} has no second page: ${JSON.stringify(body)}`);
    return body.nextCursor;
  }

  async function addAuditEntries({ tenant, agent }: Owner): Promise<void> {
    const { store } = h.ctx;
    await appendEntries(store, tenant, 2, agent ? { target: agent.agentId } : {});
    await sealAll(store, tenant);
  }

  async function fresh({ kind, use, in: place }: ResourceParameter, owner: Owner, path: PathIds): Promise<string> {
    if (kind === 'cursor') {
      if (route.path === '/admin/applications') for (let n = 0; n < 2; n += 1) await create('application', owner);
      if (route.auth.kind === 'admin') return cursorOf(route.path, { 'x-admin-token': ADMIN_TOKEN });
      const listed = MEMBERS_LISTS[route.path];
      if (listed) {
        const from = owner.prepared ? world.live : owner;
        for (let n = 0; n < 2; n += 1) await create(listed, from);
        return cursorOf(`/v1${route.path}`, { 'x-api-key': await accessTokenOf(from) });
      }
      if (owner.prepared) return cursorOf('/v1/events', { 'x-api-key': world.live.key });
      const id = path['id'] ?? '';
      if (route.path === '/agents/approvals') for (let n = 0; n < 2; n += 1) await create('approval', owner);
      if (route.path.startsWith('/webhooks/')) for (let n = 0; n < 2; n += 1) await newDelivery(h, owner, id);
      else if (id) for (let n = 0; n < 2; n += 1) await insertChild(owner, id);
      // A cursor of a tree belongs to the root of the part that the caller sees.
      const mayManage = owner.agent?.doc.preset === 'ADMIN';
      const isOwnTree = route.path === '/agents/tree' && mayManage;
      if (isOwnTree) await create('agent', owner);
      // A cursor of an agent's audit entries belongs to the agent.
      const isStream = route.path === '/audit/stream';
      const isOwnAudit = (route.path === '/audit' || isStream) && mayManage;
      if (isOwnAudit || isStream) await addAuditEntries(owner);
      const key = isOwnTree || isOwnAudit ? owner.agent!.apiKey : owner.key;
      if (isStream) return (await readAuditStream(h.url, key)).lines[0]!.cursor;
      return cursorOf(`/v1${route.path.replace(':id', id)}`, { 'x-api-key': key });
    }
    if (kind === 'delivery') return newDelivery(h, owner, path['id']!);
    if (use === 'filter' && owner.agent === null) return owner.listed[kind as keyof Owner['listed']];
    if (kind === 'agent' && control.onSelf && owner.agent) return owner.agent.agentId;
    return create(kind, owner, place === 'path' ? control.agent : {});
  }

  async function accessTokenOf({ staffId, partner, env }: Owner): Promise<string> {
    const { sessionToken } = await h.ctx.staffAuth.startSession(staffId, undefined);
    return accessToken(h, sessionToken, partner.partnerId, env);
  }

  async function insertChild(owner: Owner, id: string): Promise<void> {
    const doc = await h.ctx.store.agents.model.findById(id).lean();
    await create('agent', { ...owner, agent: { agentId: id, tenant: owner.tenant, apiKey: '', doc: doc! } });
  }

  const once = (parameter: ResourceParameter, owner: Owner, path: PathIds, purpose = ''): Promise<string> => {
    const key = `${parameter.name} ${owner.tenant} ${owner.agent?.agentId} ${purpose}`;
    const value = created.get(key) ?? fresh(parameter, owner, path);
    created.set(key, value);
    return value;
  };

  /** Returns the path with which another owner gets a cursor of its own. */
  async function pathOf(parameter: ResourceParameter, owner: Owner, path: PathIds) {
    if (parameter.kind !== 'cursor' || path['id'] === undefined) return path;
    const kind = route.path.startsWith('/webhooks/') ? 'webhook' : 'agent';
    return { id: await once({ in: 'path', name: 'id', kind, use: 'target' }, owner, {}) };
  }

  async function assignments(parameter: ResourceParameter, credential: Credential, path: PathIds) {
    const { owner } = credential;
    const all: Assignment[] = [];
    const add = (whose: Assignment['whose'], value: unknown) => void all.push({ parameter, whose, value });
    const isForeign = owner.partner === world.foreign.partner;
    const [foreign, foreignTest] = isForeign ? [world.live, world.test] : [world.foreign, world.foreignTest];
    const environments = [world.live, world.test, world.foreign, world.foreignTest];
    const otherEnvironment = environments.find(({ partner, env }) => partner === owner.partner && env !== owner.env);
    const of = async (whose: Owner): Promise<string> => {
      const value = once(parameter, whose, await pathOf(parameter, whose, path));
      // Every write that names a user names a different one.
      return parameter.kind === 'user' ? create('user', whose) : value;
    };
    if (route.auth.kind !== 'admin') {
      add('foreign', await of(foreign));
      add('foreign test', await of(foreignTest));
      const isOfPartner = OF_PARTNER.has(parameter.kind) || route.path in MEMBERS_LISTS;
      if (otherEnvironment && !isOfPartner) add('other environment', await of(otherEnvironment));
      const isInTree = parameter.kind === 'agent' || parameter.kind === 'cascade';
      if (owner.agent && isInTree && parameter.use === 'target') add('sibling', await of({ ...owner, agent: null }));
    }
    if (parameter.kind === 'cursor') add('other list', await otherCursor(owner));
    const own = await once(parameter, owner, path, path['id'] ?? '');
    add('nonexistent', parameter.kind === 'user' ? `user-${unique()}` : nonexistent(own));
    for (const text of MALFORMED_TEXTS) add('malformed', text);
    if (parameter.kind === 'cursor') for (const text of forgedCursors(own)) add('malformed', text);
    if (parameter.in === 'body') for (const value of MALFORMED_VALUES) add('malformed', value);
    return all;
  }

  async function otherCursor(owner: Owner): Promise<string> {
    const { key } = owner.prepared ? world.live : owner;
    return cursorOf(route.path === '/events' ? '/v1/agents' : '/v1/events', { 'x-api-key': key });
  }

  return { fresh, shared: once, assignments };
}
