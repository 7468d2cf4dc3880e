import type { ComponentChildren, VNode } from 'preact';

interface BesideProps {
  /** The one thing that matters on the page. */
  children: ComponentChildren;
  /** What the reader needs to know for it, such as who sees what. */
  summary: ComponentChildren;
  /** What follows. It is below `children` on wide screens, and below the summary on narrow ones. */
  rest?: ComponentChildren;
}

/** A main column with its summary beside it. Needs a layout with `beside`. */
export function Beside({ children, summary, rest }: BesideProps): VNode {
  return (
    <div class="pair">
      <div class="column">{children}</div>
      <div class="summary">{summary}</div>
      {rest && <div class="column rest">{rest}</div>}
    </div>
  );
}
