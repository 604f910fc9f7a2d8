import { expect, it } from 'vitest';
import * as z from 'zod';
import { defineTool, textResult, type ToolContext } from './define-tool.ts';

const tool = defineTool({
  name: 'probe',
  toolset: 'notebook',
  title: 'Probe',
  description: '',
  input: z.strictObject({
    session_id: z.string(),
    cells: z.array(z.strictObject({ id: z.int32() })).optional(),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  run: async () => textResult(''),
});

it.each([
  [{ sesion_id: 's' }, 'session_id is missing; there is no sesion_id. Did you mean "session_id"?'],
  [{ session_id: 5 }, 'session_id: Invalid input: expected string, received number'],
  [
    { session_id: 's', cells: [{}] },
    'cells.0.id: Invalid input: expected number, received undefined',
  ],
  [{ session_id: 's', cells: [{ id: 1, x: 2 }] }, 'there is no x in cells.0.'],
  [{ session_id: null }, 'session_id: Invalid input: expected string, received null'],
])('T2: says what is wrong with %j', async (input, told) => {
  // The input is checked before anything of the context is used.
  const context: ToolContext = Object.create(null);
  const call = tool.run(input, context);
  await expect(call).rejects.toMatchObject({
    code: 'input/invalid',
    message: `Arguments of probe: ${told}`,
    hint: 'probe takes: session_id, cells.',
  });
});
