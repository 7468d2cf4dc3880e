import { pino, type Logger } from 'pino';

export type Log = Logger;

/** JSON lines on stdout. Keys and tokens are redacted wherever a request is logged whole. */
export function createLog(level: string, service: string): Log {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ['*.apiKey', '*.liveApiKey', '*.testApiKey', 'headers["x-api-key"]', 'headers["x-admin-token"]'],
      censor: '[secret]',
    },
  });
}
