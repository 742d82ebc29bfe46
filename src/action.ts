import { readInputs } from './settings/inputs.ts';

// Starts as the GitHub action: its inputs become the command line. Only this process sees them there.
const { argv, variables } = readInputs(process.env);
process.argv.splice(2, Infinity, ...argv);
Object.assign(process.env, variables);
await import('./main.ts');
