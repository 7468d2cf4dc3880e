import type { VNode } from 'preact';

const LAYERS = [3, 2, 1] as const;
const LABELS = ['no events yet', 'a short history', 'a longer history', 'a long history'] as const;
const LAYER_HEIGHT = 5;
const LAYER_STEP = 8;

/** Shows a tier as three layers, filled from the bottom, with a text label. */
export function Strata({ tier }: { tier: 0 | 1 | 2 | 3 }): VNode {
  return (
    <span class="strata">
      <svg viewBox="0 0 44 23" aria-hidden="true" focusable="false">
        {LAYERS.map((layer, index) => (
          <rect
            key={layer}
            x="1"
            y={1 + index * LAYER_STEP}
            width="42"
            height={LAYER_HEIGHT}
            class={layer <= tier ? 'on' : ''}
          />
        ))}
      </svg>
      <span>
        Tier {tier}: {LABELS[tier]}
      </span>
    </span>
  );
}
