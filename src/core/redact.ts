/** Names of variables whose values nobody else should read. */
const SECRET_NAME =
  /key|token|secret|passw|credential|auth|session|cookie|private|database_url|dsn/i;
/** Shorter values stand for too much else: `true`, `1`, a port. */
const SHORTEST = 6;

/** Texts that are secrets wherever they come from. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // Keys of AWS, and what a session of them is signed with.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, '[access key]'],
  [/\b(authorization|x-amz-security-token)(["']?\s*[:=]\s*["']?)[^\n"',]+/gi, '$1$2[redacted]'],
  [
    /\b(password|passwd|secret|token|api[-_]?key)(["']?\s*[:=]\s*["']?)[^\s"',&]+/gi,
    '$1$2[redacted]',
  ],
  // A login in a URL.
  [/:\/\/[^\s/@]+@/g, '://[redacted]@'],
  // JSON Web Tokens, and the tokens of code hosts.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[token]'],
  [/\b(?:gh[pousr]|github_pat|glpat|npm)[_-]\w{16,}/g, '[token]'],
];

/**
 * A text for a report that others read: without the values of variables that hold secrets, and
 * without what looks like one.
 */
export function redact(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const values = Object.entries(environment)
    .filter(([name, value = '']) => SECRET_NAME.test(name) && value.length >= SHORTEST)
    // The longest first, so that none is left of which another is a part.
    .toSorted(([, a = ''], [, b = '']) => b.length - a.length);
  let clean = text;
  for (const [name, value = ''] of values) clean = clean.replaceAll(value, `[${name}]`);
  for (const [pattern, words] of SECRETS) clean = clean.replaceAll(pattern, words);
  return clean;
}
