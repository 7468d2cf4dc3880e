import { pino, type Logger } from 'pino';

export type Log = Logger;

/** Creates a logger that writes JSON lines to stdout and redacts API keys and tokens. */
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
