/** A Job of the Hub as its API tells it: the fields that are used, and which stages are final. */
import * as z from 'zod';
import { listOf, optional, optionalNumber, optionalText } from '../lenient.ts';

/** A stage that is not listed here is not final: the service may know more of them than its clients do. */
export const FINAL_STAGES = ['COMPLETED', 'CANCELED', 'ERROR', 'DELETED'] as const;

export const isFinal = (stage: string): boolean => FINAL_STAGES.some((final) => final === stage);

const texts = optional(z.record(z.string(), z.string()));
const instant = optionalText.transform((text) => {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
});

const volume = z.object({
  type: z.string(),
  source: z.string(),
  mountPath: z.string(),
  readOnly: optional(z.boolean()),
});

/** What a Job was made from, as it comes back; the values of secrets never do. */
export const jobSpecAnswer = z.object({
  flavor: optionalText,
  dockerImage: optionalText,
  spaceId: optionalText,
  command: listOf(z.string()),
  arguments: listOf(z.string()),
  labels: texts,
  timeoutSeconds: optionalNumber,
  volumes: listOf(volume),
});

const who = optional(z.object({ name: z.string(), type: optionalText }));

/** https://huggingface.co/docs/huggingface_hub/guides/jobs */
export const jobAnswer = jobSpecAnswer.extend({
  id: z.string(),
  createdAt: instant,
  startedAt: instant,
  finishedAt: instant,
  status: z.object({
    stage: z.string(),
    message: optionalText,
    exposeUrls: listOf(z.string()),
    sshUrl: optionalText,
  }),
  durations: optional(z.object({ runningSecs: optionalNumber, totalSecs: optionalNumber })),
  owner: who,
  initiator: who,
});
export type Job = z.output<typeof jobAnswer>;

export interface JobVolume {
  readonly type: 'model' | 'dataset' | 'space' | 'bucket';
  readonly source: string;
  readonly mountPath: string;
  readonly revision?: string;
  readonly readOnly?: boolean;
}

/** The body of the request that makes a Job. */
export interface JobRequest {
  readonly command: readonly string[];
  readonly arguments: readonly string[];
  /** Everybody who sees the Job's page reads these. */
  readonly environment: Readonly<Record<string, string>>;
  /** Encrypted by the service; only their names come back. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly flavor: string;
  readonly dockerImage?: string;
  readonly spaceId?: string;
  /** Always said: the service has a default of its own. */
  readonly timeoutSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly volumes?: readonly JobVolume[];
  readonly expose?: { readonly ports: readonly number[] };
  readonly ssh?: { readonly enabled: boolean };
}

/** Where a Job is: whose it is, and its id. */
export interface JobRef {
  readonly namespace: string;
  readonly id: string;
}

export const jobName = ({ namespace, id }: JobRef): string => `${namespace}/${id}`;

/** The path of its page. */
export const jobPage = ({ namespace, id }: JobRef): string => `/jobs/${namespace}/${id}`;

export const jobPath = ({ namespace, id }: JobRef): string =>
  `/api/jobs/${encodeURIComponent(namespace)}/${encodeURIComponent(id)}`;
