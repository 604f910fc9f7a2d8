import { expect, it } from 'vitest';
import { huggingfaceOptions } from './backends/huggingface/options.ts';
import { localOptions } from './backends/local/settings.ts';
import { modalOptions } from './backends/modal/options.ts';
import { slurmOptions } from './backends/slurm/options.ts';
import { inProgramNames, programName, respell } from './spelling.ts';

const backends = Object.entries({
  local: localOptions,
  slurm: slurmOptions,
  modal: modalOptions,
  huggingface: huggingfaceOptions,
});

it.each(backends)('names of %s are taken as programs write them', (_id, schema) => {
  for (const name of Object.keys(schema.shape)) {
    expect(programName(name)).toMatch(/^[a-z]+([A-Z0-9][A-Za-z0-9]*)*$/);
    expect(respell(schema, { [programName(name)]: null })).toEqual({ [name]: null });
  }
});

it('names of records are those of their writer, at every depth', () => {
  const program = {
    env: { memoryMiB: '1', myName: 'x' },
    models: [{ id: 'a/b', varName: 'm', peft: { kind: 'empty', adapterName: 'one' } }],
    network: { domains: ['x'] },
  };
  const schema = {
    env: { memoryMiB: '1', myName: 'x' },
    models: [{ id: 'a/b', var_name: 'm', peft: { kind: 'empty', adapter_name: 'one' } }],
    network: { domains: ['x'] },
  };
  expect(respell(modalOptions, program)).toEqual(schema);
  expect(inProgramNames(modalOptions, schema)).toEqual(program);
});
