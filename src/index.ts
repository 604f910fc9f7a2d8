/** The library: `import { Sandbox, emitReady } from "glovebox"`. `docs/library.md` describes it. */
import { provideEngine } from '#library/engine.ts';
import { openEngine } from '#main/library-engine.ts';

provideEngine(openEngine);

export { GloveboxError, isGloveboxError } from '#core/errors.ts';
export type { ErrorCode } from '#core/errors.ts';
export { Sandbox } from '#library/sandbox.ts';
export type { ReplacedSandbox } from '#library/sandbox.ts';
export { Session } from '#library/session.ts';
export { CommandFailure } from '#library/exec.ts';
export { Library } from '#workspace/library.ts';
export { emitReady } from '#library/emit-ready.ts';
export { close } from '#library/engine.ts';
export type * from '#library/contract.ts';
export type * from '#library/sandbox-config.ts';
export type * from '#library/sandbox-config-parts.ts';
