import type { VNode } from 'preact';

/** Width of the empty border that scanners need, in modules (ISO/IEC 18004). */
const BORDER = 4;

/** Returns the modules of the QR code of a text, row by row, with the border. */
export async function qrModules(text: string): Promise<boolean[][]> {
  const { default: encodeQR } = await import('qr');
  return encodeQR(text, 'raw', { ecc: 'low', border: BORDER });
}

/** A QR code. It is dark on white in both color schemes, because some scanners cannot read inverted codes. */
export function QrCode({ modules, label }: { modules: readonly (readonly boolean[])[]; label: string }): VNode {
  const path = modules.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg class="qr" viewBox={`0 0 ${modules.length} ${modules.length}`} role="img" aria-label={label}>
      <path d={path} shape-rendering="crispEdges" />
    </svg>
  );
}
