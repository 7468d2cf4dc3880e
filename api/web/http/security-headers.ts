const HSTS_SECONDS = 365 * 24 * 3_600;

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
] as const;

const FEATURES = ['camera', 'geolocation', 'microphone', 'payment', 'usb', 'browsing-topics'] as const;

const SCRIPT_POLICY = ["script-src 'self'", "connect-src 'self'"] as const;

/**
 * Returns the headers for every page. These headers allow our own stylesheet and images, but no frames, and scripts only
 * from our origin and only with `scripts`. They restrict the referrer to our origin. If the URL can contain a token, they disable the referrer entirely, although
 * browsers then post our own forms with the origin `null`.
 */
export function securityHeaders(
  publicUrl: string,
  {
    formAction,
    tokenInUrl = false,
    scripts = false,
  }: { formAction?: string | undefined; tokenInUrl?: boolean; scripts?: boolean } = {},
): Record<string, string> {
  return {
    'Content-Security-Policy': [
      ...POLICY,
      ...(scripts ? SCRIPT_POLICY : []),
      `form-action 'self'${formAction ? ` ${formAction}` : ''}`,
    ].join('; '),
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
