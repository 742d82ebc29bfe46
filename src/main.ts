import { EcsDeployError, EXIT_STATUS } from './errors.ts';
import { run } from './run.ts';

declare const ECSDEPLOY_VERSION: string;

// The SDK would print a notice about Node 20 on stderr at every start.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const controller = new AbortController();
function interrupt(name: NodeJS.Signals): void {
  if (controller.signal.aborted) process.exit(EXIT_STATUS.interrupted);
  const message = `Interrupted by ${name}.`;
  controller.abort(new EcsDeployError({ code: 'interrupted', message, cause: name }));
}
// `on`, not `once`: beside ora, `once` would let the second signal kill without a clean-up.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
// A progress that nobody can read must not end a deploy; a result that cannot be written is a failure.
process.stderr.on('error', () => undefined);
let lost: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) has lost nothing.
  if (error.code !== 'EPIPE') lost = error;
});

const status = await run(process.argv.slice(2), {
  environment: process.env,
  directory: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
  interrupt: () => interrupt('SIGINT'),
  version: ECSDEPLOY_VERSION,
  versions: { node: process.versions.node, platform: process.platform, arch: process.arch },
});
// Sockets that are kept alive must not hold the process; what was written must get out first.
process.stdout.write('', () => {
  setImmediate(() => {
    const problem = lost === undefined ? '' : `Error: stdout cannot be written: ${lost.message}\n`;
    process.stderr.write(problem, () =>
      process.exit(problem === '' ? status : status || EXIT_STATUS.unexpected),
    );
  });
});
