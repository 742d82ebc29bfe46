#!/usr/bin/env node
import('../dist/main.js').catch((error) => {
  if (error?.code !== 'EMFILE' && error?.code !== 'ENFILE') throw error;
  process.stderr.write(
    'Error: Too many files are open.\n  → raise the limit: ulimit -n 1024, and run it again\n',
  );
  process.exitCode = 2;
});
