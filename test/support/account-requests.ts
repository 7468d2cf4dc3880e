import { addPasskey, passkeyCreation, passkeyLogIn } from '../../api/accounts/passkeys';
import { staffCookie } from '../../api/accounts/staff-cookie';
import { newAuthenticator } from './authenticator';
import type { Harness, TestPartner } from './harness';
import { PASSWORD } from './password';
import { BOTH, STORE } from './route-call';
import { insertMember, totp } from './staff';
import type { StoreRole } from './store-role';

type Fields = Record<string, string>;
type Challenge = { challenge: string };

/** A request for a page about an account: the stores that it needs, its query or fields, and the account's session. */
interface AccountRequest {
  route: string;
  needs: readonly StoreRole[];
  query?: string;
  /** Called when the request is sent, because some codes expire. */
  fields?: () => Fields;
  session: { id: string; cookie: string } | null;
}

/** Returns one request that succeeds for each page about an account. Each that ends sessions has its own account. */
export async function accountRequests(h: Harness, { partnerId }: TestPartner): Promise<AccountRequest[]> {
  const { ctx } = h;
  const start = async (staffId: string) => {
    const started = await ctx.staffAuth.startSession(staffId, undefined);
    const cookie = staffCookie(ctx, started).split(';')[0]!;
    return { staff: started.session, session: { id: started.session.sessionId, cookie } };
  };
  const account = async () => start((await insertMember(h, partnerId)).staffId);
  const passkeyOf = async ({ staff }: Awaited<ReturnType<typeof account>>) => {
    const authenticator = newAuthenticator(ctx.config.publicUrl);
    const { challengeId, options } = await passkeyCreation(ctx, staff);
    const response = authenticator.create(options as Challenge);
    const passkey = await addPasskey(ctx, staff.staffId, { challengeId, response, name: 'Any' });
    return { authenticator, passkeyId: passkey!._id };
  };
  const withFactor = async () => {
    const one = await account();
    const factor = await ctx.staffAuth.createSecondFactor(one.staff, PASSWORD);
    if (typeof factor === 'string') throw new Error(`no second factor: ${factor}`);
    return { ...one, ...factor };
  };
  const [reader, confirming] = [await account(), await withFactor()];
  const [kept, removed] = [await passkeyOf(reader), await passkeyOf(reader)];
  const on = await withFactor();
  await ctx.staffAuth.confirmSecondFactor(on.staff, totp(on.otpauthUri));
  // The library has replaced the session.
  const { session: withCode } = await start(on.staff.staffId);
  const creation = await passkeyCreation(ctx, reader.staff);
  const created = newAuthenticator(ctx.config.publicUrl).create(creation.options as Challenge);
  const logIn = await passkeyLogIn(ctx);
  const signed = kept.authenticator.sign(logIn.options as Challenge);
  const password = { password: PASSWORD };
  const get = (path: string, session: AccountRequest['session'] = reader.session, query = ''): AccountRequest => ({
    route: `GET /portal${path}`,
    needs: STORE,
    query,
    session,
  });
  const post = (path: string, { session }: Pick<typeof reader, 'session'>, fields: () => Fields, needs = STORE) => ({
    route: `POST /portal${path}`,
    needs: needs as readonly StoreRole[],
    fields,
    session,
  });
  const responseOf = ({ challengeId }: { challengeId: string }, response: object): Fields => ({
    challengeId,
    response: JSON.stringify(response),
  });
  return [
    { ...get('/login/passkey', null), needs: BOTH },
    { ...post('/login/passkey', reader, () => responseOf(logIn, signed)), session: null, needs: BOTH },
    get(''),
    get('/account'),
    post('/account', reader, () => ({ name: 'Any' })),
    get('/account/security'),
    { ...post('/account/password', reader, () => ({})), needs: BOTH },
    get('/account/second-factor'),
    { ...post('/account/second-factor', reader, () => password), needs: BOTH },
    {
      ...post('/account/second-factor/confirm', confirming, () => ({ code: totp(confirming.otpauthUri) })),
      needs: BOTH,
    },
    get('/account/second-factor/remove', withCode),
    { ...post('/account/second-factor/remove', await account(), () => password), needs: BOTH },
    get('/account/passkeys/new'),
    post('/account/passkeys/new', reader, () => ({ ...responseOf(creation, created), name: 'Any' })),
    get('/account/passkeys/remove', reader.session, `?passkey=${kept.passkeyId}`),
    post('/account/passkeys/remove', reader, () => ({ passkey: removed.passkeyId })),
    get('/account/sessions'),
  ];
}
