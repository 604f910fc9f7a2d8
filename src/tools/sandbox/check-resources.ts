/** check_resources: processors, memory, disk and GPUs of a sandbox, without using a kernel. */
import * as z from 'zod';
import { renderBytes } from '#core/units.ts';
import { defineTool, textResult } from '../define-tool.ts';
import type { Resources } from '#sandbox/backend.ts';

export const checkResources = defineTool({
  name: 'check_resources',
  toolset: 'sandbox',
  title: 'Check resources',
  description:
    'Shows processors, load, memory (the limit that holds here), disk, and each GPU with its memory, use and temperature. Uses no kernel and holds no device.',
  input: z.strictObject({
    sandbox_id: z.string().optional().describe('Sandbox to look at. Default: this machine.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  async run(input, { sandboxes, signal }) {
    const resources = await sandboxes.resources(input.sandbox_id, signal);
    return textResult(render(resources).join('\n'));
  },
});

function render(resources: Resources): readonly string[] {
  const { memory, disk } = resources;
  return [
    `host: ${resources.host}`,
    `processors: ${resources.cpus}, load ${resources.load.map((value) => value.toFixed(2)).join(' ')}`,
    `memory: ${renderBytes(memory.usedBytes)} of ${renderBytes(memory.limitBytes)} in use${memory.limitSource === undefined ? '' : ` (limit: ${memory.limitSource})`}`,
    ...disk.map(
      ({ path, freeBytes, totalBytes }) =>
        `disk ${path}: ${renderBytes(freeBytes)} of ${renderBytes(totalBytes)} free`,
    ),
    ...resources.gpus.map(
      (gpu) =>
        `gpu ${gpu.index}: ${gpu.name}, ${renderBytes(gpu.usedBytes)} of ${renderBytes(gpu.totalBytes)} in use${gpu.utilizationPercent === undefined ? '' : `, ${gpu.utilizationPercent} % busy`}${gpu.temperatureC === undefined ? '' : `, ${gpu.temperatureC} °C`}`,
    ),
    ...resources.remarks,
  ];
}
