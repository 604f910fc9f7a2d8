/** The rows of the option table about Jupyter servers on this machine. */
import { decimal, ipAddress, wholeNumber } from './kinds.ts';
import { option } from './option.ts';

const LOOPBACK = /^(127\.|::1$)/;

export const LOCAL_OPTIONS = {
  'local.port_min': option({
    kind: wholeNumber(1, 65_535),
    default: undefined,
    defaultText: 'any free port',
    env: 'GLOVEBOX_PORT_MIN',
    oldNames: [{ env: 'JLAB_MCP_PORT_MIN' }],
    about: 'Lowest port of a Jupyter server, here or on a node.',
    check: (min, other) => portRange(min, other('local.port_max')),
  }),
  'local.port_max': option({
    kind: wholeNumber(1, 65_535),
    default: undefined,
    defaultText: 'any free port',
    env: 'GLOVEBOX_PORT_MAX',
    oldNames: [{ env: 'JLAB_MCP_PORT_MAX' }],
    about: 'Highest port of a Jupyter server, here or on a node.',
    check: (max, other) => portRange(other('local.port_min'), max),
  }),
  'local.bind_ip': option({
    kind: ipAddress(),
    default: '127.0.0.1',
    env: 'GLOVEBOX_LOCAL_BIND_IP',
    oldNames: [{ env: 'JLAB_MCP_LOCAL_BIND_IP' }],
    from: 'user',
    about: 'Loopback address a local Jupyter server listens on.',
    check: (ip) =>
      LOOPBACK.test(ip)
        ? undefined
        : 'but only loopback addresses are accepted, because others on the network could run code here: forward the port with ssh -L instead',
  }),
  'local.idle_h': option({
    kind: decimal(0.01, 8760),
    default: 24,
    env: 'GLOVEBOX_LOCAL_IDLE_H',
    about:
      'Hours without any contact, with all kernels idle, after which a local Jupyter server ends itself.',
  }),
};

function portRange(min: unknown, max: unknown): string | undefined {
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return undefined;
  return `but the lowest port ${min} must not be above the highest port ${max}`;
}
