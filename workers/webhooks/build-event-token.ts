import type { DeliveryDoc } from '../../shared/store/deliveries';
import type { Signer } from '../../shared/signing/signer';
import { USER_AGENT } from './sign-message';
import type { WebhookMessage } from './post-webhook';

const MS_PER_SECOND = 1_000;

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type';
const RISC = 'https://schemas.openid.net/secevent/risc/event-type';

/** The event of a Security Event Token by type of message. All others end what the agent may do. */
const EVENT_URIS: Readonly<Record<string, string>> = {
  'agent.reactivated': `${RISC}/account-enabled`,
  'agent.key.rotated': `${CAEP}/credential-change`,
};
const SESSION_REVOKED = `${CAEP}/session-revoked`;

/** Fields of an event in addition to the data of the message. CAEP requires those of a changed credential. */
const FIELDS: Readonly<Record<string, Record<string, unknown>>> = {
  'agent.key.rotated': { credential_type: 'mir-agent-key', change_type: 'update' },
  'cascade.started': { includeDescendants: true },
};

interface PushedMessage {
  type: string;
  timestamp: string;
  data: { agentId: string; rootId: string } & Record<string, unknown>;
}

const secondsOf = (at: Date): number => Math.floor(at.getTime() / MS_PER_SECOND);

/** Returns the claims of the token (RFC 8417) about a pushed message. Every attempt has the same claims. */
function claimsOf(
  issuer: string,
  audience: string,
  { _id, messageId = _id, body, createdAt }: Pick<DeliveryDoc, '_id' | 'messageId' | 'body' | 'createdAt'>,
) {
  const { type, timestamp, data } = JSON.parse(body) as PushedMessage;
  const at = new Date(timestamp);
  const event = { event_timestamp: secondsOf(at), ...FIELDS[type], type, ...data };
  return {
    iss: issuer,
    aud: audience,
    iat: secondsOf(createdAt),
    jti: messageId,
    toe: secondsOf(at),
    sub_id: { format: 'opaque', id: data.agentId },
    events: { [EVENT_URIS[type] ?? SESSION_REVOKED]: event },
  };
}

/** Returns the request that pushes a signed Security Event Token according to RFC 8935. */
export async function buildEventToken(
  signer: Pick<Signer, 'sign'>,
  issuer: string,
  url: string,
  delivery: Pick<DeliveryDoc, '_id' | 'messageId' | 'body' | 'createdAt'>,
): Promise<WebhookMessage> {
  const body = await signer.sign(JSON.stringify(claimsOf(issuer, url, delivery)), 'secevent+jwt');
  const headers = { 'content-type': 'application/secevent+jwt', accept: 'application/json', 'user-agent': USER_AGENT };
  return { url, body, headers };
}
