import { pino, type Logger } from 'pino';

export type Log = Logger;

/** Request headers that contain a credential. */
const SECRET_HEADERS = ['authorization', 'x-api-key', 'x-admin-token', 'cookie'] as const;

/** Creates a logger that writes JSON lines to stdout and redacts API keys and tokens. */
export function createLog(level: string, service: string): Log {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: [
        '*.apiKey',
        '*.liveApiKey',
        '*.testApiKey',
        ...SECRET_HEADERS.flatMap((name) => [`headers["${name}"]`, `*.headers["${name}"]`]),
      ],
      censor: '[secret]',
    },
  });
}
