import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll } from '@jest/globals';

/** An account at the provider. */
interface ProviderAccount {
  sub: string;
  email: string;
  email_verified: boolean;
}

/**
 * An OpenID Connect provider whose behavior the test controls. Supports authorization codes, PKCE and signed ID tokens.
 */
export interface OidcServer {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The account that is logged in at the provider, or null if the person cancels. */
  person: ProviderAccount | null;
  /** Changes the claims in an ID token. */
  claims: (honest: Record<string, unknown>) => Record<string, unknown>;
  /** Whether the provider signs ID tokens with an unpublished key. */
  forges: boolean;
  /** Whether the provider returns an access token without an ID token. */
  withholds: boolean;
}

const b64 = (value: string | Buffer): string => Buffer.from(value).toString('base64url');
const formEncoded = (value: string): string => new URLSearchParams({ v: value }).toString().slice(2);
const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 });

function idToken(claims: Record<string, unknown>, key: ReturnType<typeof newKey>['privateKey']): string {
  const signed = `${b64(JSON.stringify({ alg: 'RS256', kid: 'k1', typ: 'JWT' }))}.${b64(JSON.stringify(claims))}`;
  return `${signed}.${b64(sign('sha256', Buffer.from(signed), key))}`;
}

/** Returns a function that starts a provider. The providers stop after the last test. */
export function oidcServers(): () => Promise<OidcServer> {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
  });
  return async () => {
    const keys = { published: newKey(), secret: newKey() };
    const issued = new Map<string, { person: ProviderAccount; request: URLSearchParams }>();
    const provider: OidcServer = {
      issuer: '',
      clientId: 'mir',
      clientSecret: 'a secret of the provider',
      person: null,
      claims: (honest) => honest,
      forges: false,
      withholds: false,
    };
    const json = (res: ServerResponse, status: number, body: object): void => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };

    function authorize(request: URLSearchParams, res: ServerResponse): void {
      const back = new URL(request.get('redirect_uri')!);
      back.searchParams.set('state', request.get('state')!);
      if (provider.person === null) back.searchParams.set('error', 'access_denied');
      else {
        const code = randomBytes(16).toString('hex');
        issued.set(code, { person: provider.person, request });
        back.searchParams.set('code', code);
      }
      res.writeHead(302, { location: back.href }).end();
    }

    async function token(req: IncomingMessage, res: ServerResponse): Promise<void> {
      const body = new URLSearchParams(await text(req));
      const grant = issued.get(body.get('code')!);
      issued.delete(body.get('code')!);
      const challenge = createHash('sha256')
        .update(body.get('code_verifier') ?? '')
        .digest('base64url');
      const basic = Buffer.from([provider.clientId, provider.clientSecret].map(formEncoded).join(':')).toString(
        'base64',
      );
      const isValid =
        req.headers.authorization === `Basic ${basic}` &&
        grant?.request.get('redirect_uri') === body.get('redirect_uri') &&
        grant?.request.get('code_challenge') === challenge;
      if (!grant || !isValid) return json(res, 400, { error: 'invalid_grant' });
      const now = Math.floor(Date.now() / 1000);
      const honest = {
        iss: provider.issuer,
        aud: provider.clientId,
        iat: now,
        exp: now + 300,
        nonce: grant.request.get('nonce'),
        ...grant.person,
      };
      const key = provider.forges ? keys.secret : keys.published;
      const id_token = idToken(provider.claims(honest), key.privateKey);
      const tokens = { access_token: 'an access token', token_type: 'Bearer', expires_in: 300 };
      json(res, 200, provider.withholds ? tokens : { ...tokens, id_token });
    }

    const server = createServer((req, res) => {
      const { pathname, searchParams } = new URL(req.url!, provider.issuer);
      const { issuer } = provider;
      if (pathname === '/authorize') return authorize(searchParams, res);
      if (pathname === '/token') return void token(req, res);
      if (pathname === '/userinfo') return json(res, 200, provider.person ?? {});
      if (pathname === '/jwks') {
        const jwk = keys.published.publicKey.export({ format: 'jwk' });
        return json(res, 200, { keys: [{ ...jwk, kid: 'k1', alg: 'RS256', use: 'sig' }] });
      }
      return json(res, 200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/jwks`,
        id_token_signing_alg_values_supported: ['RS256'],
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    provider.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    ends.push(
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    return provider;
  };
}
