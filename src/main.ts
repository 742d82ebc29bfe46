import { fileURLToPath } from 'node:url';
import { EcsDeployError, EXIT_STATUS } from './errors.ts';

declare const ECSDEPLOY_VERSION: string;
declare const ECSDEPLOY_BUGS: string | undefined;

// The SDK would print a notice about Node 20 on stderr at every start.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const controller = new AbortController();
function interrupt(name: NodeJS.Signals): void {
  if (controller.signal.aborted) {
    // The shell's prompt must not end the last line of a frame.
    if (process.stderr.isTTY) process.stderr.write('\n');
    process.exit(EXIT_STATUS.interrupted);
  }
  const message = `Interrupted by ${name}.`;
  controller.abort(new EcsDeployError({ code: 'interrupted', message, cause: name }));
}
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
// Progress that cannot be written does not end a deploy; a result that cannot be written is a failure.
process.stderr.on('error', () => undefined);
let lost: string | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that stops early (`| head`) has lost nothing.
  if (error.code !== 'EPIPE') lost = error.message;
});

/** Runs a command line; the exit status. */
async function start(argv: readonly string[]): Promise<number> {
  const { run } = await import('./run.ts');
  return run(argv, {
    environment: process.env,
    get directory() {
      try {
        return process.cwd();
      } catch (cause) {
        const message = 'The current folder does not exist any more.';
        const hint = 'change to a folder that exists, and run it again';
        throw new EcsDeployError({ code: 'usage', message, hint, cause });
      }
    },
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: controller.signal,
    interrupt: () => interrupt('SIGINT'),
    onResume: (act) => void process.on('SIGCONT', act),
    version: ECSDEPLOY_VERSION,
    docs: fileURLToPath(new URL('../docs', import.meta.url)),
    bugs: typeof ECSDEPLOY_BUGS === 'undefined' ? undefined : ECSDEPLOY_BUGS,
    versions: { node: process.versions.node, platform: process.platform, arch: process.arch },
  });
}

const status = await start(process.argv.slice(2));
// Connections that are kept alive must not hold the process, but all output must be written first.
process.stdout.write('', () => {
  setImmediate(() => {
    const problem = lost === undefined ? '' : `Error: Cannot write to stdout: ${lost}\n`;
    process.stderr.write(problem, () =>
      process.exit(problem === '' ? status : status || EXIT_STATUS.unexpected),
    );
  });
});
