import type { Route } from '../../../api/http/route';
import type { TestResponse } from '../../support/client';
import type { Harness } from '../../support/harness';
import { controlOf } from './controls';
import { type Credential, denialOf } from './credentials';
import { changedOwners, fingerprint, mayChange } from './fingerprint';
import { type IdOf, idsOf, type PathIds } from './ids';
import { type ResourceParameter, resourceParameters } from './parameters';
import { dropReceivers } from './receivers';
import { dropWebhooks, type NewResource } from './resources';
import { comparable, isValid, type MatrixRequest, senderOf } from './send';
import type { World } from './world';

/** Rejected requests that are in flight at once. */
const CONCURRENT_REQUESTS = 8;

/** What the matrix found on one route. */
export interface RouteResult {
  cells: number;
  controls: number;
  failures: string[];
}

/** A credential that the route accepts, with one request for each ID that is not its own. */
interface Accepted {
  credential: Credential;
  requests: MatrixRequest[];
}

/** Returns false for all but the first malformed value of a parameter. */
function isFirstMalformed({ assignment }: MatrixRequest, n: number, all: readonly MatrixRequest[]): boolean {
  const before = all[n - 1]?.assignment;
  return !(assignment!.whose === 'malformed' && before?.whose === 'malformed');
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const next = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, next));
}

/** Returns groups of credentials such that no member's foreign IDs belong to another member. */
function groupsByPartner(accepted: readonly Accepted[]): Accepted[][] {
  const groups = new Map<object, Accepted[]>();
  for (const one of accepted) {
    const { partner } = one.credential.owner;
    groups.set(partner, [...(groups.get(partner) ?? []), one]);
  }
  return [...groups.values()];
}

function withHeaders(credential: Credential, { headers }: { headers?: Record<string, string> }): Credential {
  return { ...credential, headers: { ...credential.headers, ...headers } };
}

/** Sends every credential with every ID to one route. Returns what differs from the route's declarations. */
export async function runRouteMatrix(
  h: Harness,
  world: World,
  route: Route,
  urls: readonly string[],
  create: NewResource,
): Promise<RouteResult> {
  const name = `${route.method} ${route.path}`;
  const control = controlOf(route);
  const parameters = resourceParameters(route);
  const ids = idsOf(h, world, route, control, create);
  const send = senderOf(h, route, control);
  const result: RouteResult = { cells: 0, controls: 0, failures: [] };
  const succeeds = ({ status }: TestResponse): boolean => Object.keys(route.answers).includes(String(status));
  /** A request that names a user in a write creates a user in the caller's own tenant. */
  const writesNames =
    parameters.some(({ use }) => use === 'name') && route.method !== 'GET' && route.path !== '/resolve';

  const fail = ({ name: who }: Credential, { assignment }: MatrixRequest, what: string): void => {
    const which = assignment
      ? `${assignment.whose} ${assignment.parameter.name} ${JSON.stringify(assignment.value)}`
      : 'its own IDs';
    result.failures.push(`${name} with ${who} and ${which}: ${what}`);
  };

  const pathFor = async ({ owner }: Credential, idOf: IdOf): Promise<PathIds> => {
    const path: PathIds = {};
    for (const one of parameters) if (one.in === 'path') path[one.name] = await idOf(one, owner, path);
    return path;
  };

  async function requestsOf(credential: Credential): Promise<MatrixRequest[]> {
    const path = await pathFor(credential, ids.shared);
    const requests: MatrixRequest[] = [];
    for (const parameter of parameters) {
      const assignments = await ids.assignments(parameter, credential, path);
      requests.push(...assignments.map((assignment) => ({ path, assignment })));
    }
    return requests;
  }

  /** Sends every ID, including the credential's own. Every response must be the rejection, and nothing may change. */
  async function runDenied(credentials: readonly Credential[]): Promise<void> {
    const cells: { credential: Credential; request: MatrixRequest; url: string }[] = [];
    for (const credential of credentials) {
      const own = { path: await pathFor(credential, ids.shared), assignment: null };
      cells.push(...urls.map((url) => ({ credential, request: own, url })));
      const requests = (await requestsOf(credential)).filter(isFirstMalformed);
      // All paths of a route have the same handler, so other IDs need only one of them.
      cells.push(...requests.map((request) => ({ credential, request, url: urls[0]! })));
    }
    const before = await fingerprint(h);
    await inParallel(cells, async ({ credential, request, url }) => {
      const { status, code } = denialOf(route, credential)!;
      const response = await send(url, credential, request);
      result.cells += 1;
      const got = `${response.status} ${response.body?.code}`;
      if (got !== `${status} ${code}`) fail(credential, request, `expected ${status} ${code}, got ${got}`);
      if (response.body?.errors !== undefined) fail(credential, request, 'the input was validated first');
    });
    const changed = changedOwners(before, await fingerprint(h));
    if (changed.length > 0) result.failures.push(`${name}: rejected requests changed data of ${changed.join(', ')}`);
  }

  function checkUnknown(credential: Credential, request: MatrixRequest, response: TestResponse): void {
    const { kind, use } = request.assignment!.parameter;
    const expected = kind === 'cursor' ? '422 VALIDATION_FAILED' : use === 'target' ? '404 NOT_FOUND' : null;
    const got = `${response.status} ${response.body?.code}`;
    if (expected ? got !== expected : !succeeds(response)) fail(credential, request, `got ${got}`);
    if (use === 'filter' && response.body.data?.length !== 0) fail(credential, request, 'the list is not empty');
  }

  /** Sends all values of one parameter. Foreign IDs must be indistinguishable from nonexistent ones. */
  async function runParameter(credential: Credential, requests: readonly MatrixRequest[]): Promise<void> {
    const unknown = requests.find(({ assignment }) => assignment!.whose === 'nonexistent')!;
    const reference = await send(urls[0]!, credential, unknown);
    checkUnknown(credential, unknown, reference);
    const expected = comparable(reference, unknown.assignment!.value);
    result.cells += 1;
    for (const request of requests) {
      if (request === unknown) continue;
      const { whose, value } = request.assignment!;
      const response = await send(urls[0]!, credential, request);
      result.cells += 1;
      const got = comparable(response, value);
      if (whose === 'sibling') {
        if (response.body.code !== 'NOT_YOUR_DESCENDANT') fail(credential, request, `got ${got}`);
      } else if (whose === 'malformed' && !isValid(route, control, request.assignment!)) {
        if (response.status !== 422) fail(credential, request, `expected 422, got ${got}`);
      } else if (writesNames ? !succeeds(response) : got !== expected) {
        fail(credential, request, `differs from a nonexistent ID: ${got}`);
      }
    }
  }

  async function runForeign(group: readonly Accepted[]): Promise<void> {
    const before = await fingerprint(h);
    for (const { credential, requests } of group) {
      for (const parameter of parameters) {
        await runParameter(
          credential,
          requests.filter(({ assignment }) => assignment!.parameter === parameter),
        );
      }
    }
    const tenants = group.map(({ credential }) => credential.owner.tenant);
    const isExpected = (owner: string): boolean =>
      writesNames && (owner === 'queues' || tenants.some((tenant) => mayChange(owner, tenant)));
    const changed = changedOwners(before, await fingerprint(h)).filter((owner) => !isExpected(owner));
    if (changed.length > 0) result.failures.push(`${name}: requests with foreign IDs changed ${changed.join(', ')}`);
  }

  /** Sends a request that must succeed, with the credential's own IDs. */
  async function runControl(credential: Credential, url: string, parameter: ResourceParameter | null): Promise<void> {
    const path = await pathFor(credential, ids.fresh);
    if (control.before === 'webhook') {
      const body = { url: 'https://hooks.example/mir' };
      await h.client.request('PUT', '/v1/partners/webhook', { key: credential.owner.key, body });
    }
    if (control.before === 'fewer webhooks') await dropWebhooks(h, credential.owner);
    if (control.before === 'fewer receivers') await dropReceivers(h, credential.owner.tenant);
    const value = parameter && (await ids.fresh(parameter, credential.owner, path));
    const request: MatrixRequest = { path, assignment: parameter && { parameter, whose: 'own', value } };
    const prepared = await control.prepare?.(h, credential.owner);
    const response = prepared
      ? await senderOf(h, route, { ...control, body: () => prepared.body })(
          url,
          withHeaders(credential, prepared),
          request,
        )
      : await send(url, credential, request);
    result.cells += 1;
    result.controls += 1;
    if (!succeeds(response)) fail(credential, request, `the control got ${comparable(response, value)}`);
    const listsRows = parameter?.use === 'filter' && credential.owner.agent === null;
    if (listsRows && response.body.data.length === 0) fail(credential, request, 'the control lists no rows');
  }

  const accepted: Accepted[] = [];
  for (const credential of world.credentials) {
    if (denialOf(route, credential)) continue;
    const requests = await requestsOf(credential);
    // All malformed values with one credential, and one of them with each of the others.
    accepted.push({ credential, requests: accepted.length === 0 ? requests : requests.filter(isFirstMalformed) });
  }
  await runDenied(world.credentials.filter((credential) => denialOf(route, credential) !== null));
  if (parameters.length > 0) {
    for (const group of writesNames ? groupsByPartner(accepted) : [accepted]) await runForeign(group);
  }
  for (const { credential } of accepted) {
    for (const url of urls) await runControl(credential, url, null);
    for (const one of parameters) if (one.in !== 'path') await runControl(credential, urls[0]!, one);
  }
  return result;
}
