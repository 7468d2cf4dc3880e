import { type AgentType, PRESET_SCOPES, type Preset } from './agent';
import { EVENT_TYPE_PATTERN } from './catalog';

const CATEGORY_PATTERN = /^mir\.[a-z][a-z0-9_]{0,31}\.\*$/;

/** Returns true for valid allowlist entries: an exact type, `mir.<category>.*`, `mir.*` or `*`. */
export function isAllowPattern(pattern: string): boolean {
  return pattern === '*' || pattern === 'mir.*' || isNarrowPattern(pattern);
}

/** Returns true if a pattern specifies at least a category, as required for AI agents. */
export function isNarrowPattern(pattern: string): boolean {
  return CATEGORY_PATTERN.test(pattern) || EVENT_TYPE_PATTERN.test(pattern);
}

/** Returns true if `outer` matches every event type that `inner` matches. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.endsWith('.*')) return false;
  return inner.startsWith(outer.slice(0, -1));
}

/** Returns true if one of the patterns matches the event type. */
export function allows(patterns: readonly string[], eventType: string): boolean {
  return patterns.some((pattern) => covers(pattern, eventType));
}

/** The rights that an agent has or requests. If `rateLimitPerMinute` is null, only the ancestors' budgets apply. */
export interface Grant {
  type: AgentType;
  preset: Preset;
  allowedEventTypes: readonly string[];
  rateLimitPerMinute: number | null;
}

/** A requested right that exceeds the parent's rights. */
export interface Violation {
  path: 'type' | 'preset' | 'allowedEventTypes' | 'rateLimitPerMinute';
  code: 'ESCALATION';
  message: string;
}

/**
 * Returns every right of `child` that exceeds its parent's rights. `path` contains the grants from the root to the
 * parent. The child may have only the rights that all of these grants include, so restricting an ancestor also
 * restricts new descendants.
 */
export function escalations(path: readonly Grant[], child: Grant): Violation[] {
  const parent = path.at(-1);
  if (!parent) return [];
  const found: Violation[] = [];
  const add = (field: Violation['path'], message: string): void => {
    found.push({ path: field, code: 'ESCALATION', message });
  };
  if (parent.type === 'AI_AGENT' && child.type !== 'AI_AGENT') {
    add('type', 'A child of an AI_AGENT must be an AI_AGENT.');
  }
  const held = new Set(
    path.map(({ preset }) => PRESET_SCOPES[preset]).reduce((a, b) => a.filter((scope) => b.includes(scope))),
  );
  const extra = PRESET_SCOPES[child.preset].filter((scope) => !held.has(scope));
  if (extra.length > 0) add('preset', `${child.preset} includes ${extra.join(', ')}, which the parent does not have.`);
  const beyond = child.allowedEventTypes.filter(
    (pattern) => !path.every(({ allowedEventTypes }) => allowedEventTypes.some((outer) => covers(outer, pattern))),
  );
  if (beyond.length > 0) add('allowedEventTypes', `The parent may not submit ${beyond.join(', ')}.`);
  const limit = tightestLimit(path);
  if (child.rateLimitPerMinute !== null && limit !== null && child.rateLimitPerMinute > limit) {
    add('rateLimitPerMinute', `Must be at most ${limit}, the lowest limit of its ancestors.`);
  }
  return found;
}

/** Returns the lowest rate limit on a path, or null if no agent on the path has a limit. */
export function tightestLimit(path: readonly Pick<Grant, 'rateLimitPerMinute'>[]): number | null {
  const limits = path.flatMap(({ rateLimitPerMinute }) => (rateLimitPerMinute === null ? [] : [rateLimitPerMinute]));
  return limits.length === 0 ? null : Math.min(...limits);
}

/** Returns the agent-type rules that a grant violates, regardless of the parent's rights. */
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

/** Returns the patterns that both lists allow. Any two patterns are either nested or disjoint. */
function intersect(some: readonly string[], others: readonly string[]): string[] {
  const within = (inner: readonly string[], outer: readonly string[]): string[] =>
    inner.filter((pattern) => outer.some((wide) => covers(wide, pattern)));
  return [...new Set([...within(some, others), ...within(others, some)])];
}

/**
 * Returns the event types that every allowlist on a path allows. A child that does not specify an allowlist inherits
 * this one.
 */
export function effectiveAllowlist(path: readonly Pick<Grant, 'allowedEventTypes'>[]): string[] {
  const [first, ...rest] = path;
  return rest.reduce(
    (allowed, { allowedEventTypes }) => intersect(allowed, allowedEventTypes),
    [...(first?.allowedEventTypes ?? [])],
  );
}

/**
 * Returns the rights that a change adds beyond the parents' rights. Narrowing is always allowed, even if the parents
 * now have fewer rights than `before`, so only rights that `before` does not cover are checked.
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
