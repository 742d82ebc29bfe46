/** Names of variables whose values are secrets. */
const SECRET_NAME =
  /key|token|secret|passw|credential|auth|session|cookie|private|database_url|dsn/i;
/** Shorter values occur in too much other text: `true`, `1`, a port. */
const SHORTEST = 6;

/** Texts that are secrets whatever their source. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // Access keys, and what signs a request.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, '[access key]'],
  [/\b(authorization|x-amz-security-token)(["']?\s*[:=]\s*["']?)[^\n"',]+/gi, '$1$2[redacted]'],
  [
    /\b(password|passwd|secret|token|api[-_]?key)(["']?\s*[:=]\s*["']?)[^\s"',&]+/gi,
    '$1$2[redacted]',
  ],
  // Signatures, of requests and of presigned URLs.
  [/\b((?:x-amz-)?(?:signature|credential|security-token)=)[^\s"',&]+/gi, '$1[redacted]'],
  // A login in a URL.
  [/:\/\/[^\s/@]+@/g, '://[redacted]@'],
  // JSON Web Tokens, and the tokens of code hosts.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[token]'],
  [/\b(?:gh[pousr]|github_pat|glpat|npm)[_-]\w{16,}/g, '[token]'],
];

/**
 * A text for a report that others read: without the values of variables that hold secrets, and
 * without what looks like a secret.
 */
export function redact(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const values = Object.entries(environment)
    .filter(([name, value = '']) => SECRET_NAME.test(name) && value.length >= SHORTEST)
    // The longest first: one value can be part of another.
    .toSorted(([, a = ''], [, b = '']) => b.length - a.length);
  let clean = text;
  for (const [name, value = ''] of values) clean = clean.replaceAll(value, `[${name}]`);
  return scrub(clean);
}

/** A text of others without what looks like a secret. */
export function scrub(text: string): string {
  return SECRETS.reduce((clean, [pattern, words]) => clean.replaceAll(pattern, words), text);
}
