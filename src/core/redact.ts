import { mapTexts } from './foreign.ts';

/** Names of environment variables that probably hold secrets, and of those that only say where. */
const SECRET_NAME =
  /key|token|secret|passw|passphrase|credential|auth|session|cookie|private|database_url|dsn/i;
const PLACE_NAME =
  /^ECSDEPLOY_|(?<!database)_(?:ur[il]|file|path|dir|sock|id|name|arn|region|count|type)$/i;
/** Minimum length of a value to replace; shorter ones (`true`, `1`, a port) occur in other places. */
const SHORTEST = 6;

/** What ends the name of a secret, except in an ARN (`…:secret:name`) or a path. */
const NAME =
  /(?<![:/])(?:pass(?:word|wd|phrase)?|secret|token|(?:api|access|secret|private|signing|account)[-_]?key|auth)/;
const HEADER = /\b(?:authorization|cookie|x-(?:amz-security-token|registry-(?:auth|config)))/;
/** A sentence that follows a colon, e.g. `failed to fetch oauth token: unexpected status`. */
const SENTENCE = /:[ \t]+(?!(?:basic|bearer|digest|negotiate|token)[ \t])[a-z]+(?:[\s,.;:]|$)/;
/** `=`, `:`, `": "`, also in JSON that is a text of JSON; not what stands in place of a secret already. */
const SEPARATOR = /\\*["']?[ \t]*[:=][ \t]*\\*["']?(?!\[|\$\{\{)/;

/** A name, its separator, and the value that is to be removed. */
const named = (name: RegExp, value: RegExp) =>
  new RegExp(
    `(${name.source}(?!${SENTENCE.source})${SEPARATOR.source})(?!arn:)(?:${value.source})`,
    'gi',
  );

/**
 * Patterns of secrets, whatever their source. Each is linear in its input: no attempt begins inside
 * of what another one scanned in vain.
 */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    '[private key]',
  ],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, '[access key]'],
  // Signatures, of requests and of presigned URLs.
  [
    /\b((?:x-(?:amz|goog)-)?(?:signature|credential|security-token|sig)=)[^\s"',&]+/gi,
    '$1[redacted]',
  ],
  [named(HEADER, /[^\n"'\\]+/), '$1[redacted]'],
  [/\b((?:basic|bearer)[ \t]+)(?=[\w+/.~-]*[\d=])[\w+/=.~-]{8,}/gi, '$1[redacted]'],
  [named(NAME, /(?<=")[^"\\\n]+|(?<=')[^'\\\n]+|[^\s"',&;\\)]+/), '$1[redacted]'],
  // An option of a command line.
  [
    /(?<![\w-])(--[\w-]*(?:password|passwd|passphrase|token|client-secret|(?:api|access|secret|private)-?key)[ \t]+)(?!-)\S+/gi,
    '$1[redacted]',
  ],
  // A login in a URL. A password can contain "@" and "/"; a colon before digits and "/" is a port.
  [
    /:\/\/[^\s/:@"[\]]*:(?!\d{1,5}(?:[/\s"']|$))[^\s"@]{0,200}@(?!sha256:)(?:[^\s"@]{0,200}@)*/g,
    '://[redacted]@',
  ],
  // A token can be the user; the user of ssh is no secret.
  [/(?<!\bssh):\/\/(?!\[redacted\])[^\s/"@]+@(?!sha256:)/gi, '://[redacted]@'],
  // JSON Web Tokens, passwords of ECR, and tokens of code hosts and registries.
  [/(?<![\w-])eyJ[\w+/=-]{10,}(?:\.[\w-]+){0,2}/g, '[token]'],
  [/\b(?:gh[pousr]_|github_pat_|dckr_pat_)\w{16,}/g, '[token]'],
  [/\b(?:npm_[A-Za-z0-9]{20,}|(?:glpat|xox[abprs])-[\w-]{10,})/g, '[token]'],
];

/** Members with values that the user asked for, by their setting or by the command. */
const ASKED_FOR = new Set(['changes', 'definition', 'text', 'variables']);

/**
 * Removes secrets from the texts of plain data that will be shown: the values of environment variables
 * that hold secrets, and everything that looks like a secret.
 */
export function redactor(
  environment: Readonly<Record<string, string | undefined>>,
): <T>(value: T) => T {
  const values = Object.entries(environment)
    .filter(
      ([name, value = '']) =>
        SECRET_NAME.test(name) &&
        !PLACE_NAME.test(name) &&
        value.length >= SHORTEST &&
        // A plain word occurs in other places.
        /[^a-z]/i.test(value),
    )
    // Longest first: a value can contain another one.
    .toSorted(([, a = ''], [, b = '']) => b.length - a.length);
  const redact = (text: string) => {
    let clean = text;
    for (const [name, value = ''] of values) clean = clean.replaceAll(value, `[${name}]`);
    return scrub(clean);
  };
  return (value) => mapTexts(value, redact, ASKED_FOR);
}

/** A text of others without what looks like a secret. */
export function scrub(text: string): string {
  return SECRETS.reduce((clean, [pattern, words]) => clean.replaceAll(pattern, words), text);
}
