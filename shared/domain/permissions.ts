import { type AgentType, PRESET_SCOPES, type Preset } from './agent';
import { EVENT_TYPE_PATTERN } from './catalog';

const CATEGORY_PATTERN = /^mir\.[a-z][a-z0-9_]{0,31}\.\*$/;

/** What an allowlist may hold: an exact type, `mir.<category>.*`, `mir.*` or `*`. */
export function isAllowPattern(pattern: string): boolean {
  return pattern === '*' || pattern === 'mir.*' || isNarrowPattern(pattern);
}

/** A pattern that names at least the category, as AI agents need it. */
export function isNarrowPattern(pattern: string): boolean {
  return CATEGORY_PATTERN.test(pattern) || EVENT_TYPE_PATTERN.test(pattern);
}

/** True when every event type that `inner` matches is matched by `outer` too. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.endsWith('.*')) return false;
  return inner.startsWith(outer.slice(0, -1));
}

/** True when one of the patterns matches the event type. */
export function allows(patterns: readonly string[], eventType: string): boolean {
  return patterns.some((pattern) => covers(pattern, eventType));
}

/** What an agent is given, or asks for. `rateLimitPerMinute` null: no budget of its own, only its ancestors'. */
export interface Grant {
  type: AgentType;
  preset: Preset;
  allowedEventTypes: readonly string[];
  rateLimitPerMinute: number | null;
}

/** One way in which a grant goes beyond its parent's. */
export interface Violation {
  path: 'type' | 'preset' | 'allowedEventTypes' | 'rateLimitPerMinute';
  code: 'ESCALATION';
  message: string;
}

/**
 * Every way in which `child` would hold more than its parent does. `path` are the grants from root to parent: what
 * counts is their meet, so a tightened ancestor binds new descendants too.
 */
export function escalations(path: readonly Grant[], child: Grant): Violation[] {
  const parent = path.at(-1);
  if (!parent) return [];
  const found: Violation[] = [];
  const add = (field: Violation['path'], message: string): void => {
    found.push({ path: field, code: 'ESCALATION', message });
  };
  if (parent.type === 'AI_AGENT' && child.type !== 'AI_AGENT') {
    add('type', 'a child of an AI_AGENT is an AI_AGENT');
  }
  const held = new Set(
    path.map(({ preset }) => PRESET_SCOPES[preset]).reduce((a, b) => a.filter((scope) => b.includes(scope))),
  );
  const extra = PRESET_SCOPES[child.preset].filter((scope) => !held.has(scope));
  if (extra.length > 0) add('preset', `${child.preset} has ${extra.join(', ')}, which the parent does not hold`);
  const beyond = child.allowedEventTypes.filter(
    (pattern) => !path.every(({ allowedEventTypes }) => allowedEventTypes.some((outer) => covers(outer, pattern))),
  );
  if (beyond.length > 0) add('allowedEventTypes', `${beyond.join(', ')} is beyond what the parent may submit`);
  const limit = tightestLimit(path);
  if (child.rateLimitPerMinute !== null && limit !== null && child.rateLimitPerMinute > limit) {
    add('rateLimitPerMinute', `${child.rateLimitPerMinute} is above the parent's ${limit}`);
  }
  return found;
}

/** The tightest budget on a path; null when nobody on it has one. */
export function tightestLimit(path: readonly Pick<Grant, 'rateLimitPerMinute'>[]): number | null {
  const limits = path.flatMap(({ rateLimitPerMinute }) => (rateLimitPerMinute === null ? [] : [rateLimitPerMinute]));
  return limits.length === 0 ? null : Math.min(...limits);
}

/** Rules of the type itself, whoever registers it. */
export function grantProblems({
  type,
  preset,
  allowedEventTypes,
}: Grant): ('PRESET_NOT_ALLOWED' | 'ALLOWLIST_REQUIRED')[] {
  if (type !== 'AI_AGENT') return [];
  const problems: ('PRESET_NOT_ALLOWED' | 'ALLOWLIST_REQUIRED')[] = [];
  if (preset === 'ADMIN') problems.push('PRESET_NOT_ALLOWED');
  if (allowedEventTypes.length === 0 || !allowedEventTypes.every(isNarrowPattern)) problems.push('ALLOWLIST_REQUIRED');
  return problems;
}

/** What both of two lists allow. Two patterns either lie one within the other or share nothing. */
function meet(some: readonly string[], others: readonly string[]): string[] {
  const within = (inner: readonly string[], outer: readonly string[]): string[] =>
    inner.filter((pattern) => outer.some((wide) => covers(wide, pattern)));
  return [...new Set([...within(some, others), ...within(others, some)])];
}

/** The event types that all of a path's allowlists allow; what a child inherits that names none. */
export function effectiveAllowlist(path: readonly Pick<Grant, 'allowedEventTypes'>[]): string[] {
  const [first, ...rest] = path;
  return rest.reduce(
    (held, { allowedEventTypes }) => meet(held, allowedEventTypes),
    [...(first?.allowedEventTypes ?? [])],
  );
}

/**
 * What a change widens beyond the agent's parents. What gets narrower is fine, even where the parents hold less by
 * now; so only what `before` does not cover is looked at.
 */
export function wideningsBeyond(parents: readonly Grant[], before: Grant, after: Grant): Violation[] {
  const [was, is] = [before.rateLimitPerMinute, after.rateLimitPerMinute];
  return escalations(parents, {
    ...after,
    allowedEventTypes: after.allowedEventTypes.filter(
      (pattern) => !before.allowedEventTypes.some((held) => covers(held, pattern)),
    ),
    rateLimitPerMinute: was !== null && is !== null && is <= was ? null : is,
  });
}
