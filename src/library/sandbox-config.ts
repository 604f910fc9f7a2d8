/** What `Sandbox.create` takes. */

export type BackendName = 'local' | 'slurm' | 'modal' | 'huggingface';

export interface SandboxConfig {
  readonly backend?: BackendName;
  readonly name?: string;
  readonly profile?: string;
  readonly [option: string]: unknown;
}
