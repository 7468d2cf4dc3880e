import type { ComponentChildren, VNode } from 'preact';

/**
 * A part of a page that follows the server-sent events at `path`, a page that responds with `live`. Screen readers
 * announce what changes. Without scripts, or if `path` is null, shows only its content.
 */
export function LivePart({ path, children }: { path: string | null; children: ComponentChildren }): VNode {
  if (path === null) return <div>{children}</div>;
  const events = { 'hx-sse:connect': path, 'hx-sse:close': LAST_EVENT };
  return (
    <div {...events} hx-swap="innerMorph" aria-live="polite">
      {children}
    </div>
  );
}

/** The event after which browsers do not connect again. */
export const LAST_EVENT = 'last';
