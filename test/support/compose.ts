import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';
import { projectRoot } from '../../shared/project';

const PROGRAM = join(projectRoot(), '.cache/tools/bin/compose-spec');
const isSkipped = !existsSync(PROGRAM) && process.env['CI'] !== 'true';
if (isSkipped)
  process.stderr.write(
    'Skipping Compose tests. Install compose-spec with deploy/k8s/install-tools.sh (needs Go and Python).\n',
  );

/** `describe` for tests that need compose-spec. Outside CI, skips them if it is missing. */
export const describeWithCompose = isSkipped ? describe.skip : describe;

/** A service with its variables expanded. Fields that tests do not use are missing. */
export interface ComposeService {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  networks?: { default: { ipv4_address: string; aliases?: string[] } | null };
  ports?: string[];
  profiles?: string[];
  volumes?: { source: string; target: string; read_only?: boolean }[];
  logging?: { options: Record<string, string> };
  mem_limit?: string;
  restart?: string;
  stop_grace_period?: string;
}

export interface ComposeModel {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
  networks: { default: { ipam?: { config: { subnet: string; ip_range: string }[] } } };
}

/**
 * Expands `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}` the way Compose does. Throws if a required name is
 * not set.
 */
export function interpolate(text: string, env: Record<string, string>): string {
  return text.replace(/\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name?: string, kind?: string, rest = '') => {
    if (name === undefined) return '$';
    if (env[name]) return env[name];
    if (kind === '?') throw new Error(`${name}: ${rest}`);
    return kind === '-' ? rest : '';
  });
}

/** Compose files may list `NAME=value` pairs, which merging produces. */
function withNamedEnvironment(service: ComposeService & { environment?: unknown }): ComposeService {
  if (!Array.isArray(service.environment)) return service;
  const pairs = (service.environment as string[]).map((pair) => /^([^=]+)=(.*)$/s.exec(pair)!.slice(1));
  return { ...service, environment: Object.fromEntries(pairs) as Record<string, string> };
}

/**
 * Returns the model that Compose makes of these files: read, merged, checked against its schema and for references to
 * services and volumes that do not exist. Rejects with its message if they are invalid. Expands the variables itself,
 * because the program does not pass on its environment.
 */
export async function composeModel(files: readonly string[], env: Record<string, string>): Promise<ComposeModel> {
  const args = ['-format', 'json', '-no-interpolation', '-no-path-resolution', ...files];
  const { stdout } = await promisify(execFile)(PROGRAM, args, { cwd: projectRoot() });
  const expanded = (value: unknown): unknown => {
    if (typeof value === 'string') return interpolate(value, env);
    if (Array.isArray(value)) return value.map(expanded);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, content]) => [name, expanded(content)]));
  };
  const model = expanded(JSON.parse(stdout)) as ComposeModel;
  const services = Object.entries(model.services).map(([name, service]) => [name, withNamedEnvironment(service)]);
  return { ...model, services: Object.fromEntries(services) as ComposeModel['services'] };
}
