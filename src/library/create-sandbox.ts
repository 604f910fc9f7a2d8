/** Makes a sandbox for a program: always a new one, and none that nobody has when it fails. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newSandboxSuffix } from '#core/ids.ts';
import type { WantedSandbox } from '#sandbox/sandbox-config.ts';
import { jointAdmission, type JointMember } from '#sandbox/joint-admission.ts';
import type { SandboxRequest, SandboxView } from '#sandbox/sandboxes.ts';
import type { Call } from './call.ts';

/** One of several is let in with the others. */
export async function createSandbox(
  config: object,
  call: Call,
  member?: JointMember,
): Promise<SandboxView> {
  try {
    const terms =
      member === undefined ? call.engine.requestTerms(call.wait) : { admit: member.admit };
    return await create(config, call, terms);
  } finally {
    member?.leave();
  }
}

/** Whoever lets them in is asked once, for all of them together. */
export const membersOf = (
  count: number,
  { engine, wait }: Call,
): readonly (JointMember | undefined)[] => {
  const admitAll = engine.admitAll(wait);
  return admitAll === undefined ? [] : jointAdmission(count, admitAll);
};

async function create(
  config: object,
  call: Call,
  terms: Partial<SandboxRequest>,
): Promise<SandboxView> {
  const { engine, wait } = call;
  const { sandboxes, projectDir, host } = engine;
  const wanted = await sandboxes.resolve(config);
  await sandboxes.checkOptions(wanted.backend, wanted.options, wanted.names);
  const name = wanted.name ?? `gbx-${newSandboxSuffix()}`;
  await refuseTaken(name, wanted.backend, call);
  let id: string | undefined;
  const onRecord = (made: string): void => {
    id = made;
    host.created(made);
  };
  try {
    const view = await sandboxes.create({ ...terms, ...wanted, name, projectDir, onRecord }, wait);
    if (view.status.state === 'ready') return view;
    const { state, detail } = view.status;
    throw new GloveboxError(
      'server/unreachable',
      `Sandbox ${view.id} is ${state}${detail === undefined ? '' : ` (${detail})`}.`,
    );
  } catch (error) {
    if (id === undefined || wanted.options['keep_on_error'] === true) throw error;
    throw await afterEnding(id, error, call);
  }
}

/** Names are unique among the sandboxes of a back end that live, so that `fromName` means one. @throws `sandbox/name-taken`. */
async function refuseTaken(
  name: string,
  backend: WantedSandbox['backend'],
  { engine, signal }: Call,
): Promise<void> {
  const living = await engine.sandboxes.list({ backend }, signal);
  const holder = living.find((view) => view.name === name);
  if (holder === undefined) return;
  throw new GloveboxError(
    'sandbox/name-taken',
    `Sandbox ${holder.id} has the name "${name}" and is ${holder.status.state}.`,
    {
      hint: `Sandbox.fromName("${name}") goes on with it; glovebox stop ${holder.id} ends it.`,
    },
  );
}

/** The error that the caller gets, once nothing runs any more. */
async function afterEnding(id: string, error: unknown, { engine }: Call): Promise<unknown> {
  try {
    await engine.sandboxes.stop(id, new AbortController().signal);
    return error;
  } catch (second) {
    const hint = `glovebox stop ${id} tries again.`;
    return new GloveboxError(
      'sandbox/stop-failed',
      `${messageOf(error)} And sandbox ${id} could not be ended: ${messageOf(second)}`,
      { hint: isGloveboxError(second) ? (second.hint ?? hint) : hint, cause: error },
    );
  }
}
