/** The marks (tags, labels) by which any machine with the same account finds a sandbox again. They are hints, not proof, and hold no secrets. */
import { createHash } from 'node:crypto';
import type { SandboxHandle } from '../backend.ts';

/** Keys and values are letters, digits, dots, dashes and underscores, at most 100 of them. */
export const MARK = {
  glovebox: 'glovebox',
  id: 'glovebox-id',
  owner: 'glovebox-owner',
  project: 'glovebox-project',
  op: 'glovebox-op',
  nonce: 'glovebox-nonce',
  port: 'glovebox-port',
  deadline: 'glovebox-deadline',
  generation: 'glovebox-generation',
} as const;

export type Marks = Readonly<Record<string, string>>;

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Tells people who share an account apart without naming them. */
export const ownerMark = (person: string): string => digest(`owner:${person}`);

/** Says that two sandboxes belong to one project without telling its path. */
export const projectMark = (projectDir: string): string => digest(`project:${projectDir}`);

/** What every sandbox of that person in that project carries. */
export const marksOfProject = (person: string, projectDir: string): Marks => ({
  [MARK.glovebox]: '1',
  [MARK.owner]: ownerMark(person),
  [MARK.project]: projectMark(projectDir),
});

export interface Marked {
  readonly sandboxId: string;
  readonly generation: number;
  readonly op: string;
  readonly nonce: string;
  readonly port: number;
  readonly deadlineMs: number;
}

export const marksOf = ({ sandboxId, generation, op, nonce, port, deadlineMs }: Marked): Marks => ({
  [MARK.id]: sandboxId,
  [MARK.op]: op,
  [MARK.nonce]: nonce,
  [MARK.port]: String(port),
  [MARK.deadline]: String(deadlineMs),
  [MARK.generation]: String(generation),
});

/** What the marks of a machine tell; undefined where they are not those of a sandbox. */
export function handleFromMarks(
  {
    id: machineId,
    account,
    marks,
  }: { readonly id: string; readonly account?: string; readonly marks: Marks },
  projectDir: string,
): SandboxHandle | undefined {
  const id = marks[MARK.id];
  const nonce = marks[MARK.nonce];
  const op = marks[MARK.op];
  if (id === undefined || nonce === undefined || op === undefined) return undefined;
  const port = Number(marks[MARK.port]);
  const deadlineMs = Number(marks[MARK.deadline]) || 0;
  const data = { machineId, nonce, op, deadlineMs };
  return {
    id,
    projectDir,
    generation: Number(marks[MARK.generation]) || 1,
    data: { ...data, ...(port > 0 && { port }), ...(account !== undefined && { account }) },
  };
}
