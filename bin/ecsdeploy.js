#!/usr/bin/env node
// CommonJS, which Node starts sooner than an ES module.
const { join } = require('node:path');
const { textOf } = require('../dist/texts.cjs');

const { stdout, stderr } = process;
const text = textOf(process.argv.slice(2), stdout.columns ?? 100, join(__dirname, '../dist/help'));
if (text === undefined) {
  import('../dist/main.js').catch((error) => {
    if (error?.code !== 'EMFILE' && error?.code !== 'ENFILE') throw error;
    stderr.write(
      'Error: Too many files are open.\n  → raise the limit: ulimit -n 1024, and run it again\n',
    );
    process.exitCode = 2;
  });
} else {
  stdout.on('error', ({ code, message }) => {
    // A reader that stops early (`| head`) has lost nothing.
    if (code === 'EPIPE') return;
    stderr.write(`Error: Cannot write to stdout: ${message}\n`);
    process.exitCode = 1;
  });
  stdout.write(text);
}
