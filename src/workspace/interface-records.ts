/** What is known on this machine of the interfaces that sandboxes serve. Address and token never leave the sandbox. */
import path from 'node:path';
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';

/** How agents meet an interface. */
export const EXPOSURES = ['mcp', 'library', 'prompt'] as const;

export const makeExposedFunction = () =>
  z.object({
    name: z.string(),
    description: z.string(),
    /** JSON Schema of the arguments, an object. */
    input: z.record(z.string(), z.json()),
    /** Whether calls do not wait for each other. */
    parallel: z.boolean(),
  });
export type ExposedFunction = Readonly<z.output<ReturnType<typeof makeExposedFunction>>>;

/** Made when there is a record to read: most machines have none, and every server looks for them at its start. */
const makeSchema = () =>
  z.looseObject({
    sandboxId: z.string(),
    projectDir: z.string(),
    name: z.string(),
    expose: z.enum(EXPOSURES),
    functions: z.array(makeExposedFunction()).readonly(),
    /** Whether agents may do nothing else in this sandbox. */
    isOnly: z.boolean(),
    callLimitMs: z.number(),
    createdMs: z.number(),
  });
export type InterfaceRecord = Readonly<z.output<ReturnType<typeof makeSchema>>>;

export const interfaceId = ({
  sandboxId,
  name,
}: Pick<InterfaceRecord, 'sandboxId' | 'name'>): string => `${sandboxId}.${name}`;

export function createInterfaceRecords(
  dir: string,
  clock: Clock,
  onDamaged: (message: string) => void,
): RecordStore<InterfaceRecord> {
  let schema: ReturnType<typeof makeSchema> | undefined;
  return new RecordStore<InterfaceRecord>({
    folder: path.join(dir, 'interfaces'),
    name: 'interface',
    parse(raw) {
      schema ??= makeSchema();
      return schema.parse(raw);
    },
    clock,
    onDamaged,
  });
}

/** Whether agents may only call what a sandbox exposes. */
export async function isClosedSandbox(
  records: RecordStore<InterfaceRecord>,
  sandboxId: string,
): Promise<boolean> {
  return (await records.list()).some(({ value }) => value.isOnly && value.sandboxId === sandboxId);
}

/** Those of a project, by name. */
export async function interfacesOf(
  records: RecordStore<InterfaceRecord>,
  projectDir: string,
): Promise<readonly InterfaceRecord[]> {
  const stored = await records.list();
  return stored
    .map(({ value }) => value)
    .filter((record) => record.projectDir === projectDir)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
