import { awsFault } from '../wire.ts';
import type { Operation } from '../wire.ts';
import { page } from './pages.ts';
import type { Simulation } from './state.ts';

type Input = Parameters<Operation>[0];

/** The default value of each account setting. */
const DEFAULTS: Readonly<Record<string, string>> = {
  awsvpcTrunking: 'disabled',
  containerInsights: 'disabled',
  containerInstanceLongArnFormat: 'enabled',
  defaultLogDriverMode: 'non-blocking',
  dualStackIPv6: 'enabled',
  fargateEventWindows: 'disabled',
  fargateFIPSMode: 'disabled',
  fargateTaskRetirementWaitPeriod: '7',
  guardDutyActivate: 'disabled',
  serviceLongArnFormat: 'enabled',
  tagResourceAuthorization: 'off',
  taskLongArnFormat: 'enabled',
};

const DEFAULT_PRINCIPAL = 'default';

/** The operations on account settings, by name; the settings have no effect. */
export const ACCOUNT_OPERATIONS = {
  ListAccountSettings: (simulation: Simulation, input: Input) => {
    const { name, value, effectiveSettings = false } = input;
    const principal = principalOf(simulation, input);
    const own = simulation.accountSettings.get(principal);
    const shared = simulation.accountSettings.get(DEFAULT_PRINCIPAL);
    const all = Object.entries(DEFAULTS).flatMap(([key, initial]) => {
      const chosen = own?.get(key) ?? (effectiveSettings ? shared?.get(key) : undefined);
      if (chosen === undefined && !effectiveSettings) return [];
      return [{ name: key, value: chosen ?? initial, principalArn: principal, type: 'user' }];
    });
    const found = all.filter(
      (setting) =>
        (name === undefined || setting.name === name) &&
        (value === undefined || setting.value === value),
    );
    const { items, nextToken } = page(found, input);
    return { settings: items, nextToken };
  },

  PutAccountSetting: (simulation: Simulation, input: Input) =>
    put(simulation, principalOf(simulation, input), input),

  PutAccountSettingDefault: (simulation: Simulation, input: Input) =>
    put(simulation, DEFAULT_PRINCIPAL, input),

  DeleteAccountSetting: (simulation: Simulation, input: Input) => {
    const { name } = input;
    checkName(name);
    const principalArn = principalOf(simulation, input);
    const settings = simulation.accountSettings.get(principalArn);
    const value = settings?.get(name) ?? DEFAULTS[name];
    settings?.delete(name);
    return { setting: { name, value, principalArn, type: 'user' } };
  },
};

function principalOf({ account }: Simulation, { principalArn }: Input): string {
  return principalArn ?? `arn:aws:iam::${account}:user/sandbox`;
}

function checkName(name: string): void {
  if (Object.hasOwn(DEFAULTS, name)) return;
  const names = Object.keys(DEFAULTS).join(',');
  throw awsFault('InvalidParameterException', `unknown should be one of [${names}]`);
}

function put({ accountSettings }: Simulation, principalArn: string, { name, value }: Input) {
  checkName(name);
  const settings = accountSettings.get(principalArn) ?? new Map<string, string>();
  accountSettings.set(principalArn, settings.set(name, value));
  return { setting: { name, value, principalArn, type: 'user' } };
}
