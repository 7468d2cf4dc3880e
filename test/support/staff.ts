import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { staffCookie } from '../../api/accounts/staff-cookie';
import { type AuditContext } from '../../api/db/audit-context';
import { inviteMember } from '../../api/members/invite-member';
import { addMember } from '../../api/members/change-members';
import { type Env, newId, type PartnerId } from '../../shared/domain/ids';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { MemberRole, OperatorRole } from '../../shared/domain/roles';
import { OPERATORS, type OrganizationId } from '../../shared/store/members';
import { prepareMail } from '../../workers/mails/prepare-mail';
import { type BrowserSession, newBrowserSession } from './browser-session';
import type { TestResponse } from './client';
import type { Harness } from './harness';
import { PASSWORD } from './password';

const TOTP_SECONDS = 30;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

type World = Pick<Harness, 'ctx' | 'client'>;

const BY_OPERATOR = (): AuditContext => ({
  actor: { kind: 'OPERATOR', via: 'CLI', name: 'test' },
  requestId: randomUUID(),
  at: new Date(),
});

/** Returns an address that no other account has. */
export const newStaffEmail = (): string => `staff-${randomUUID()}@harbour.example`;

/** Returns the secret in the next email to an invitation or account, as the worker would send it. No worker may run. */
export async function mailedSecret({ ctx }: Pick<Harness, 'ctx'>, recipientId: string): Promise<string> {
  const row = await ctx.store.queuedMails.model.findOne({ recipientId }).lean();
  const mail = row && (await prepareMail(ctx, row._id));
  if (row) await ctx.store.queuedMails.drop(row._id);
  const token = /token=([\w-]+)/.exec(mail?.text ?? '')?.[1];
  if (token === undefined) throw new Error(`no email with a secret waits for ${recipientId}`);
  return token;
}

/** Invites an address as an operator would, and returns a secret like the one that is emailed. */
export async function invite(
  { ctx }: Pick<Harness, 'ctx'>,
  organization: OrganizationId,
  role: MemberRole | OperatorRole,
  email = newStaffEmail(),
): Promise<{ invitationId: string; email: string; token: string }> {
  const invitation = { organization, email, role, invitedBy: 'Ana Diaz' };
  const { _id } = await inviteMember(ctx, invitation, BY_OPERATOR());
  const token = randomBytes(32).toString('base64url');
  const hash = createHash('sha256').update(token).digest('base64url');
  const { store } = ctx;
  await store.transaction((session) => store.memberInvitations.addToken(_id, hash, session), STORE_TIMEOUT_MS);
  return { invitationId: _id, email, token };
}

/** Creates an account that is a member of a partner or an operator, without a request or an invitation. */
export async function insertMember(
  { ctx }: Pick<Harness, 'ctx'>,
  organization: OrganizationId,
  role: MemberRole | OperatorRole = 'VIEWER',
): Promise<{ staffId: string; memberId: string; email: string }> {
  const { store, staffAuth } = ctx;
  const email = newStaffEmail();
  const passwordHash = await staffAuth.hashPassword(PASSWORD);
  const memberId = newId('mem');
  const at = new Date();
  const staffId = await store.transaction(async (session) => {
    const id = await staffAuth.createAccount({ email, name: `Member ${role}`, passwordHash }, at, session);
    const member = { _id: memberId, organization, staffId: id, role, createdAt: at, updatedAt: at };
    await addMember(ctx, member, session);
    return id;
  }, STORE_TIMEOUT_MS);
  return { staffId, memberId, email };
}

/** Returns a browser in which a staff account is logged in. */
export async function staffBrowser(h: Pick<Harness, 'ctx' | 'url'>, staffId: string): Promise<BrowserSession> {
  const { publicUrl } = h.ctx.config;
  const browser = newBrowserSession(h.url, { ip: fromNewAddress()['x-forwarded-for'], publicUrl });
  const cookie = staffCookie(h.ctx, await h.ctx.staffAuth.startSession(staffId, undefined));
  const [name, value] = cookie.split(';')[0]!.split('=') as [string, string];
  browser.cookies.set(name, value);
  return browser;
}

/** Creates an operator's account and returns a browser in which it is logged in. */
export async function operatorBrowser(
  h: Pick<Harness, 'ctx' | 'url'>,
  role: OperatorRole,
): Promise<{ browser: BrowserSession; memberId: string }> {
  const { staffId, memberId } = await insertMember(h, OPERATORS, role);
  return { browser: await staffBrowser(h, staffId), memberId };
}

/** Returns the code that an authenticator app shows (RFC 6238). */
export function totp(otpauthUri: string): string {
  const base32 = new URL(otpauthUri).searchParams.get('secret')!;
  const bits = Array.from(base32, (one) => BASE32.indexOf(one).toString(2).padStart(5, '0'));
  const bytes = bits
    .join('')
    .match(/.{8}/g)!
    .map((byte) => Number.parseInt(byte, 2));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / TOTP_SECONDS)));
  const mac = createHmac('sha1', Buffer.from(bytes)).update(counter).digest();
  const offset = mac.at(-1)! & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Sends a request with a session token. */
export function withSession(
  { client }: Pick<Harness, 'client'>,
  sessionToken: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<TestResponse> {
  const headers = { authorization: `Bearer ${sessionToken}` };
  return client.request(method, path, body === undefined ? { headers } : { headers, body });
}

export interface TestMember {
  email: string;
  staffId: string;
  memberId: string;
  sessionToken: string;
  accessToken: string;
}

let addresses = 0;
/** Returns a header that makes a request come from an address of its own, so that tests do not share throttles. */
export function fromNewAddress(): { 'x-forwarded-for': string } {
  addresses += 1;
  return { 'x-forwarded-for': `10.9.${(addresses >> 8) & 255}.${addresses & 255}` };
}

export async function logInAs({ client }: World, email: string, more: object = {}): Promise<TestResponse> {
  return client.post('/v1/staff/sessions', undefined, { email, password: PASSWORD, ...more }, fromNewAddress());
}

/** Returns a new access token of a session. */
export async function accessToken(
  world: World,
  sessionToken: string,
  partnerId: PartnerId,
  environment: Env = 'live',
): Promise<string> {
  const body = { partnerId, environment };
  const response = await withSession(world, sessionToken, 'POST', '/v1/staff/access-tokens', body);
  if (response.status !== 201) throw new Error(`no access token: ${JSON.stringify(response.body)}`);
  return response.body.accessToken;
}

/** Creates an account that is a member of a partner, logs in, and gets an access token. Needs TRUST_PROXY_HOPS=1. */
export async function newMember(
  world: World,
  partnerId: PartnerId,
  role: MemberRole,
  environment: Env = 'live',
): Promise<TestMember> {
  const { email, token } = await invite(world, partnerId, role);
  const body = { token, name: `Member ${role}`, password: PASSWORD };
  const accepted = await world.client.post('/v1/staff/invitations/accept', undefined, body, fromNewAddress());
  if (accepted.status !== 200) throw new Error(`invitation not accepted: ${JSON.stringify(accepted.body)}`);
  const { staffId } = accepted.body;
  const loggedIn = await logInAs(world, email);
  if (loggedIn.status !== 201) throw new Error(`not logged in: ${JSON.stringify(loggedIn.body)}`);
  const { sessionToken } = loggedIn.body;
  const member = await world.ctx.store.members.of(partnerId, staffId);
  return {
    email,
    staffId,
    memberId: member!._id,
    sessionToken,
    accessToken: await accessToken(world, sessionToken, partnerId, environment),
  };
}
