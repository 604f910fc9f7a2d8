/** `glovebox mcp`: the MCP server, for clients that are configured by hand. */
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

export const mcp: CliCommand = {
  usage: 'mcp',
  about: 'Serve MCP on stdin and stdout, for an agent.',
  async run({ host }) {
    await host.serveMcp();
    return EXIT.done;
  },
};
