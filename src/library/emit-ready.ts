/** Hands a session over from a set-up script to whoever asked for it. */
import { GloveboxError } from '#core/errors.ts';
import { inCall } from './call.ts';
import type { CallOptions } from './contract.ts';
import type { Session } from './session.ts';

let isEmitted = false;

/**
 * Writes the one line of a set-up script to the real stdout: `{"session_id", "jupyter_url", "sandbox_id", "model_info"}`.
 * `attach_to_session` takes it. From then on session and sandbox outlive the script.
 *
 * @throws `input/invalid` for the second call.
 */
export function emitReady(session: Session, options?: CallOptions): Promise<void> {
  return inCall(options, async ({ engine }) => {
    if (isEmitted) {
      throw new GloveboxError('input/invalid', 'emitReady was called before, and has one line.', {
        hint: 'Hand over one session; others are reached by their ids.',
      });
    }
    isEmitted = true;
    session.handOver();
    await engine.host.ready(renderReadyLine(session));
  });
}

export const renderReadyLine = (
  session: Pick<Session, 'id' | 'jupyterUrl' | 'models'> & {
    readonly sandbox: { readonly id: string };
  },
): string =>
  `${JSON.stringify({
    session_id: session.id,
    jupyter_url: session.jupyterUrl,
    sandbox_id: session.sandbox.id,
    model_info: session.models,
  })}\n`;
