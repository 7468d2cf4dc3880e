const HSTS_SECONDS = 365 * 24 * 3_600;

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
] as const;

const FEATURES = ['camera', 'geolocation', 'microphone', 'payment', 'usb', 'browsing-topics'] as const;

/**
 * Headers of every page: nothing but our own stylesheet and images, no script, no frame. The referrer stays on our
 * origin. With a token in the URL there is none at all, although browsers then send the Origin of our own forms as null.
 */
export function securityHeaders(
  publicUrl: string,
  { formAction, tokenInUrl = false }: { formAction?: string | undefined; tokenInUrl?: boolean } = {},
): Record<string, string> {
  return {
    'Content-Security-Policy': [...POLICY, `form-action 'self'${formAction ? ` ${formAction}` : ''}`].join('; '),
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': tokenInUrl ? 'no-referrer' : 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'Permissions-Policy': FEATURES.map((feature) => `${feature}=()`).join(', '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Robots-Tag': 'noindex',
    ...(publicUrl.startsWith('https:') ? { 'Strict-Transport-Security': `max-age=${HSTS_SECONDS}` } : {}),
  };
}
