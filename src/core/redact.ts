/** Names of environment variables that probably hold secrets. */
const SECRET_NAME =
  /key|token|secret|passw|credential|auth|session|cookie|private|database_url|dsn/i;
/** Minimum length of a value to replace; shorter ones (`true`, `1`, a port) occur in other places. */
const SHORTEST = 6;

/** Patterns of secrets, whatever their source. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // AWS access keys and session tokens.
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
  // JSON Web Tokens, and tokens of code hosts and npm.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[token]'],
  [/\b(?:gh[pousr]|github_pat|glpat|npm)[_-]\w{16,}/g, '[token]'],
];

/**
 * Removes secrets from a text that will be shared: the values of environment variables that hold
 * secrets, and everything that looks like a secret.
 */
export function redact(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const values = Object.entries(environment)
    .filter(([name, value = '']) => SECRET_NAME.test(name) && value.length >= SHORTEST)
    // Longest first: a value can contain another one.
    .toSorted(([, a = ''], [, b = '']) => b.length - a.length);
  let clean = text;
  for (const [name, value = ''] of values) clean = clean.replaceAll(value, `[${name}]`);
  return scrub(clean);
}

/** A text of others without what looks like a secret. */
export function scrub(text: string): string {
  return SECRETS.reduce((clean, [pattern, words]) => clean.replaceAll(pattern, words), text);
}
