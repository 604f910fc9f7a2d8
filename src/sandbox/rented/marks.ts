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
  access: 'glovebox-access',
  deadline: 'glovebox-deadline',
  started: 'glovebox-started',
  price: 'glovebox-usd-per-hour',
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
  readonly access?: string | undefined;
  readonly deadlineMs: number;
  readonly startedMs: number;
  readonly usdPerHour?: number | undefined;
}

export const marksOf = (marked: Marked): Marks => ({
  [MARK.id]: marked.sandboxId,
  [MARK.op]: marked.op,
  [MARK.nonce]: marked.nonce,
  [MARK.port]: String(marked.port),
  ...(marked.access !== undefined && { [MARK.access]: marked.access }),
  [MARK.deadline]: String(marked.deadlineMs),
  [MARK.started]: String(marked.startedMs),
  ...(marked.usdPerHour !== undefined && { [MARK.price]: marked.usdPerHour.toFixed(4) }),
  [MARK.generation]: String(marked.generation),
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
  const access = marks[MARK.access];
  const deadlineMs = Number(marks[MARK.deadline]) || 0;
  const startedMs = Number(marks[MARK.started]);
  const usdPerHour = Number(marks[MARK.price]);
  const data = {
    machineId,
    nonce,
    op,
    deadlineMs,
    ...(access !== undefined && { access }),
    ...(startedMs > 0 && { startedMs }),
    ...(usdPerHour > 0 && { usdPerHour }),
  };
  return {
    id,
    projectDir,
    generation: Number(marks[MARK.generation]) || 1,
    data: { ...data, ...(port > 0 && { port }), ...(account !== undefined && { account }) },
  };
}
