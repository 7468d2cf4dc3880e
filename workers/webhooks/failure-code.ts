/** Why an attempt got no response, as its partner sees it. */
const CODES: Readonly<Record<string, string>> = {
  WEBHOOK_URL_NOT_ALLOWED: 'URL_NOT_ALLOWED',
  ENOTFOUND: 'HOST_NOT_FOUND',
  EAI_AGAIN: 'HOST_NOT_FOUND',
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ECONNRESET: 'CONNECTION_CLOSED',
  EPIPE: 'CONNECTION_CLOSED',
  ETIMEDOUT: 'TIMEOUT',
  TimeoutError: 'TIMEOUT',
};
/** Codes of Node.js and OpenSSL for certificates and handshakes that fail. */
const TLS = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|EPROTO)/;

/** Returns the code of an error, which reveals neither an address nor content. */
export function failureCodeOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  const own = code ?? name ?? '';
  return CODES[own] ?? (TLS.test(own) ? 'TLS_FAILED' : 'CONNECTION_FAILED');
}
