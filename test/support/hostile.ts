import { expect } from 'vitest';

/** Stands in every hostile text, so that a test can prove that it was shown. */
export const MARKER = 'HOSTILE';

/** Texts that act on a terminal or on the runner of GitHub Actions when they are written raw. */
export const HOSTILE: readonly string[] = [
  // Escape sequences: title, clipboard, link, erase, cursor, modes, colours, device strings.
  '\u001B]0;title\u0007',
  '\u001B]2;title\u001B\\',
  '\u001B]52;c;ZWNobyBwd25lZA==\u0007',
  '\u001B]8;;https://evil.example\u0007link\u001B]8;;\u0007',
  '\u001B]1337;SetMark\u0007',
  '\u001B[2J\u001B[H',
  '\u001B[1A\u001B[2Kdone',
  '\u001B[?1049h',
  '\u001B[?25l',
  '\u001B[8mconcealed\u001B[0m',
  '\u001B[31mred\u001B[39m',
  '\u001B[6n',
  '\u001B[5i',
  '\u001Bc',
  '\u001BP$q"p\u001B\\',
  '\u001B_Gf=100;AAAA\u001B\\',
  '\u001B^privacy\u001B\\',
  '\u001B',
  '\u001B\u001B[0m[2J',
  // Single control characters.
  'a\u0000b',
  'a\u0007b',
  'a\b\b\bsafe',
  'a\u000B\u000Cb',
  'a\u007Fb',
  '\u000E\u000F',
  '50%\r100%',
  '\rError: forged',
  // C1.
  '\u009B2J',
  '\u009D0;title\u009C',
  '\u0090q\u009C',
  'a\u0085b',
  // Bidirectional, zero-width and other format characters.
  '\u202Egnp.exe\u202C',
  '\u202Aa\u202B\u202Db',
  '\u2066a\u2067b\u2068c\u2069',
  '\u200Ea\u200Fb\u061C',
  'pass\u200Bword\u200C\u200D\u2060',
  '\uFEFFstart',
  'soft\u00ADhyphen',
  '\u{E0041}\u{E007F}',
  '\u115F\u3164\uFFA0',
  // Line separators and lone surrogates.
  'a\u2028b\u2029c',
  '\uD800a',
  'a\uDC00',
  // Workflow commands, in both syntaxes, at the start of a line and behind white space.
  '\n::error::forged',
  '\r\n::add-mask::a',
  '\r::set-output name=x::y',
  '\n  ::stop-commands::token',
  '\n\u00A0\u3000::debug::x',
  '\n::\u001B[0merror::x',
  '\n:\u001B[0m:error::x',
  '\n##[error]forged',
  'in the middle ##[add-mask]a',
  '#\u001B[0m#[error]x',
  '\n::group::x\n::endgroup::',
  '\n##[endgroup]',
  '%0A::error::x',
  // Files of a job.
  '\nimage=evil\ndigest=sha256:0',
  'EOF\n</details><img src=https://evil.example/x>\n```\n# heading\n[link](https://evil.example)',
  '| a | b |\n<script>alert(1)</script>',
].map((text) => `${MARKER}${text}${MARKER}`);

/** The value in {@link SECRETS}; nothing may show it. */
export const SECRET = 'S3CRET/0123456789-value';

/** Forms in which texts of AWS, registries, providers and tools hold a secret. */
export const SECRETS: readonly string[] = [
  `x-amz-security-token:${SECRET}`,
  `Authorization: AWS4-HMAC-SHA256 Credential=AKIA/2026/eu-west-1, Signature=${SECRET}`,
  `"Authorization":"Bearer ${SECRET}"`,
  `https://b.s3.amazonaws.com/k?X-Amz-Credential=${SECRET}&X-Amz-Signature=${SECRET}`,
  `https://b.s3.amazonaws.com/k?X-Amz-Security-Token=${SECRET}`,
  `helper --client-secret=${SECRET}`,
  `helper --password ${SECRET}`,
  `{"SecretAccessKey":"${SECRET}"}`,
  `{\\"sessionToken\\":\\"${SECRET}\\"}`,
  `https://user:${SECRET}@registry.example/v2/`,
  `tcp://user:a@${SECRET}@host:2375`,
  `password: ${SECRET}`,
];

/** What a hostile peer answers with. */
export const PLANTED = `${HOSTILE.join(' ')}\n${SECRETS.join('\n')}`;

/** Escape codes of our own: colours, and what the live region writes around its lines. */
// oxlint-disable-next-line no-control-regex
const OWN = /\u001B\[(?:\d+(?:;\d+)*m|\?2026[lh]|2K|A|G)/g;
const JOINED =
  /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D(?=\p{Extended_Pictographic})/gu;
const RAW =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u115F\u1160\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0\u{E0000}-\u{E0FFF}]|\p{Cs}/u;
/** The commands that ecsdeploy writes itself. */
const OUR_COMMANDS =
  /^::(?:group::(?:Before the build|Build|Push|Command)|endgroup::|(?:error|warning) title=ecsdeploy::.*)$/;

/** Where a text was written. */
export interface Place {
  /** The runner of GitHub Actions reads it. */
  readonly github?: boolean;
  /** Our own colours are in it. */
  readonly coloured?: boolean;
}

/** Expects a stream or file to have no raw unprintable character, no foreign command and no secret. */
export function expectInert(text: string, { github = false, coloured = false }: Place): void {
  const own = coloured ? text.replaceAll(OWN, '') : text;
  const raw = RAW.exec(own.replaceAll(JOINED, ''));
  expect(raw && JSON.stringify(own.slice(Math.max(0, raw.index - 60), raw.index + 60))).toBeNull();
  expect(HOSTILE.filter((hostile) => RAW.test(hostile) && text.includes(hostile))).toEqual([]);
  expect(text).not.toContain(SECRET);
  if (!github) return;
  const commands = text
    .split(/[\n\r\u0085\u2028\u2029]/)
    .map((line) => line.trim())
    .filter((line) => (line.startsWith('::') && !OUR_COMMANDS.test(line)) || line.includes('##['));
  expect(commands).toEqual([]);
}
