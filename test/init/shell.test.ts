import { expect, test } from 'vitest';
import { asWritten, unknown } from '../../src/init/expressions.ts';
import { readOptions, readScript } from '../../src/init/shell.ts';

/** The commands of a script, as one line each. */
function commandsOf(script: string, variables: Readonly<Record<string, string>> = {}): string[] {
  const found: string[] = [];
  readScript(script, new Map(Object.entries(variables)), ({ words, output, line, ...flags }) => {
    const marks = `${flags.isNested ? '?' : ''}${flags.isSubstituted ? '$' : ''}`;
    found.push(
      `${line}${marks}: ${words.map(asWritten).join('|')}${output === undefined ? '' : ` > ${asWritten(output)}`}`,
    );
  });
  return found;
}

test.each<[name: string, script: string, commands: readonly string[]]>([
  ['words', 'docker build -t a:b .', ['0: docker|build|-t|a:b|.']],
  ['quotes', `echo "a b" 'c $D' e\\ f ""`, ['0: echo|a b|c $D|e f|']],
  [
    'lines that go on',
    'docker build \\\n  -t a \\\n  .\npush',
    ['0: docker|build|-t|a|.', '3: push'],
  ],
  ['comments', '# first\na # b\n#c\nd#e', ['1: a', '3: d#e']],
  ['operators', 'a && b || c; d | e & f', ['0: a', '0: b', '0: c', '0: d', '0: e', '0: f']],
  ['variables', 'X=1 Y="$X-2"\na $X ${Y} ${Z:-none} $W', ['1: a|1|1-2|none|$W']],
  ['a variable of one command', 'X=1 a $X', ['0: a|$X']],
  ['export', 'export X=1\na $X', ['1: a|1']],
  ['redirections', 'a > b 2>&1 < c\nd >>e 2>/dev/null', ['0: a > b', '1: d > e']],
  ['a here-document', 'cat <<EOF > f\nrm -rf x\nEOF\na', ['0: cat > f', '3: a']],
  [
    'a substitution',
    'X=$(aws ecs x | jq .y)\na "$X"',
    ['0$: aws|ecs|x', '0$: jq|.y', '1: a|$(aws ecs x | jq .y)'],
  ],
  ['backticks', 'a `b c`', ['0$: b|c', '0: a|$(b c)']],
  ['a loop', 'for s in a "b"; do\n  up $s\ndone\nend', ['1?: up|a', '1?: up|b', '3: end']],
  [
    'a loop in a loop',
    'for a in 1 2; do for b in 3; do x $a$b; done; done',
    ['0?: x|13', '0?: x|23'],
  ],
  ['a loop over a variable', 'L="a b"\nfor s in $L; do up $s; done', ['1?: up|a', '1?: up|b']],
  [
    'a condition',
    'if [ -f x ]; then\n  a\nelse\n  b\nfi\nc',
    ['0?: [|-f|x|]', '1?: a', '3?: b', '5: c'],
  ],
  ['a group', '(cd x && make)', ['0: cd|x', '0: make']],
  ['what never ends', 'a "b', ['0: a|b']],
  ['nothing', '', []],
])('%s', (_, script, commands) => {
  expect(commandsOf(script)).toEqual(commands);
});

test('what is not known stays one word, with quotes and spaces of its own', () => {
  const mark = unknown(`inputs.a && 'b c' || "d"`);
  expect(commandsOf(`docker build -t ${mark}/x:${mark} "${mark}"`)).toEqual([
    `0: docker|build|-t|${asWritten(mark)}/x:${asWritten(mark)}|${asWritten(mark)}`,
  ]);
});

test('options are read with both ways to give a value', () => {
  const words = ['-f', 'a', '--tag=b', '--push', '.', '--build-arg', 'A=b=c'];
  expect(readOptions(words, new Set(['--push']))).toEqual({
    options: [
      ['-f', 'a'],
      ['--tag', 'b'],
      ['--push', ''],
      ['--build-arg', 'A=b=c'],
    ],
    rest: ['.'],
  });
});
