/** Jobs of the fake Hub: hardware, Jobs that are real processes, and schedules. A body that the service would not take is refused. */
import * as z from 'zod';
import type { FakeBuckets } from './fake-buckets.ts';
import { FakeJob, type FakeJobBody } from './fake-job.ts';
import type { FakeAnswer, FakeRequest, FakeService } from './fake-service.ts';

const labels = z.record(
  z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
  z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
);

/** Unknown keys are refused, and a time limit must be said: left out, the service would end a Job after 30 minutes. */
const jobBody = z.strictObject({
  command: z.array(z.string()),
  arguments: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  secrets: z.record(z.string(), z.string()).optional(),
  flavor: z.string(),
  dockerImage: z.string().optional(),
  spaceId: z.string().optional(),
  timeoutSeconds: z.int().positive(),
  labels: labels.optional(),
  volumes: z
    .array(
      z.strictObject({
        type: z.enum(['model', 'dataset', 'space', 'bucket']),
        source: z.string(),
        mountPath: z.string(),
        revision: z.string().optional(),
        readOnly: z.boolean().optional(),
        path: z.string().optional(),
      }),
    )
    .optional(),
  expose: z.strictObject({ ports: z.array(z.int()) }).optional(),
  ssh: z.strictObject({ enabled: z.boolean() }).optional(),
  resourceGroupId: z.string().optional(),
});

const scheduleBody = z.strictObject({
  jobSpec: jobBody,
  schedule: z.string(),
  suspend: z.boolean().optional(),
  concurrency: z.boolean().optional(),
});

interface FakeSchedule {
  readonly id: string;
  readonly body: z.output<typeof scheduleBody>;
  suspend: boolean;
  lastJob: { readonly id: string; readonly at: string } | undefined;
}

export interface FakeJobsOptions {
  readonly token: string;
  /** Who may have Jobs; the first is the account. */
  readonly namespaces?: readonly string[];
  /** What every container has; PATH at least. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where they are known, a Job that mounts another one is refused. */
  readonly buckets?: FakeBuckets;
  /** Jobs wait in SCHEDULING until a test starts them. */
  readonly isStalled?: boolean;
  readonly pageSize?: number;
}

export interface FakeJobs {
  readonly jobs: ReadonlyMap<string, FakeJob>;
  readonly schedules: ReadonlyMap<string, FakeSchedule>;
  readonly volumes: Map<string, string>;
  hardware: readonly unknown[];
  isStalled: boolean;
  /** The next log streams are cut after so many events each. */
  readonly cuts: number[];
  /** The next Job is made, and the answer gets lost. */
  losesReply: boolean;
  /** The address of an SSH server before all Jobs that ask for one. */
  sshUrl: string | undefined;
  /** The stage that a Job is in after an accepted request to end it, instead of being over. */
  ignoresCancel: boolean;
  alive(): readonly FakeJob[];
  newest(): FakeJob;
  close(): Promise<void>;
}

export function addJobs(hub: FakeService, options: FakeJobsOptions): FakeJobs {
  const { token, namespaces = ['me'], pageSize = 50 } = options;
  const environment = options.environment ?? { PATH: process.env['PATH'] ?? '' };
  const jobs = new Map<string, FakeJob>();
  const schedules = new Map<string, FakeSchedule>();
  const fake: FakeJobs = {
    jobs,
    schedules,
    volumes: new Map(),
    hardware: HARDWARE,
    isStalled: options.isStalled ?? false,
    cuts: [],
    losesReply: false,
    ignoresCancel: false,
    sshUrl: undefined,
    alive: () => [...jobs.values()].filter((job) => !job.isOver),
    newest() {
      const job = [...jobs.values()].at(-1);
      if (job === undefined) throw new Error('the fake Hub has no Job');
      return job;
    },
    close: async () => {
      await Promise.all([...jobs.values()].map((job) => job.remove()));
    },
  };

  /** What belongs to an account is shown to its token only. */
  const on = (
    method: string,
    path: RegExp,
    handler: (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>,
  ): void =>
    hub.on(method, path, (request) => {
      if (request.headers.authorization !== `Bearer ${token}`)
        return { status: 401, json: { error: 'Invalid username or password.' } };
      if (!namespaces.includes(request.match[0] ?? ''))
        return { status: 403, json: { error: 'You have no access to this namespace.' } };
      return handler(request);
    });
  const withJob = (
    request: FakeRequest,
    work: (job: FakeJob) => FakeAnswer | Promise<FakeAnswer>,
  ): FakeAnswer | Promise<FakeAnswer> => {
    const job = jobs.get(request.match[1] ?? '');
    return job === undefined ? { status: 404, json: { error: 'Job not found' } } : work(job);
  };
  const make = async (namespace: string, body: FakeJobBody): Promise<FakeJob> => {
    const id = `job${String(jobs.size + 1).padStart(4, '0')}`;
    const volumes = new Map(fake.volumes);
    for (const bucket of options.buckets?.buckets.values() ?? [])
      volumes.set(`bucket:${bucket.id}`, bucket.folder);
    const sshUrl = (): string | undefined => fake.sshUrl;
    const job = new FakeJob({ id, namespace, body, environment, token, volumes, sshUrl });
    jobs.set(id, job);
    await job.open();
    if (!fake.isStalled) job.start();
    return job;
  };

  const NS = String.raw`\/([\w.-]+)`;
  const JOB = String.raw`\/api\/jobs${NS}\/(job\d+)`;
  on('POST', new RegExp(`\\/api\\/jobs${NS}`), async ({ body, match: [namespace = ''] }) => {
    const parsed = jobBody.safeParse(JSON.parse(body.toString('utf8')));
    if (!parsed.success) return { status: 422, json: { error: z.prettifyError(parsed.error) } };
    const stranger = strangeBucket(parsed.data, options.buckets);
    if (stranger !== undefined)
      return { status: 404, json: { error: `Bucket ${stranger} not found` } };
    const job = await make(namespace, parsed.data);
    if (!fake.losesReply) return { json: job.json() };
    fake.losesReply = false;
    return { json: job.json(), cutAfterBytes: 5 };
  });
  on('GET', new RegExp(`\\/api\\/jobs${NS}`), ({ query, match: [namespace], origin, path }) => {
    const stages = query.getAll('stage');
    const wanted = query.getAll('label').map((label) => label.split('='));
    const found = [...jobs.values()]
      .toReversed()
      .filter(
        (job) =>
          job.namespace === namespace &&
          (stages.length === 0 || stages.includes(job.stage)) &&
          wanted.every(([key = '', value]) => job.labels[key] === value),
      )
      .map((job) => job.json());
    const from = Number(query.get('cursor') ?? 0);
    const next = new URLSearchParams(query);
    next.set('cursor', String(from + pageSize));
    const isCut = found.length > from + pageSize;
    return {
      json: found.slice(from, from + pageSize),
      ...(isCut && { headers: { link: `<${origin}${path}?${next.toString()}>; rel="next"` } }),
    };
  });
  on('GET', new RegExp(JOB), (request) => withJob(request, (job) => ({ json: job.json() })));
  on('POST', new RegExp(`${JOB}\\/cancel`), (request) =>
    withJob(request, (job) => {
      if (!fake.ignoresCancel) job.end('CANCELED');
      return { json: job.json() };
    }),
  );
  on('GET', new RegExp(`${JOB}\\/logs`), (request) =>
    withJob(request, (job) => {
      const tail = request.query.get('tail');
      const cut = fake.cuts.shift();
      return {
        headers: { 'content-type': 'text/event-stream' },
        stream: (outgoing) => job.sendLog(outgoing, tail === null ? undefined : Number(tail), cut),
      };
    }),
  );

  // After the list of a namespace, which would match too.
  hub.on('GET', /\/api\/jobs\/hardware/, () => ({ json: fake.hardware }));

  const SCHEDULE = String.raw`\/api\/scheduled-jobs${NS}\/(sch\d+)`;
  const tell = ({ id, body, suspend, lastJob }: FakeSchedule): unknown => {
    const { secrets, ...jobSpec } = body.jobSpec;
    return {
      ...body,
      id,
      suspend,
      jobSpec: { ...jobSpec, secrets: Object.keys(secrets ?? {}) },
      status: {
        ...(lastJob !== undefined && { lastJob }),
        nextJobRunAt: suspend ? null : '2030-01-01T06:00:00.000Z',
      },
    };
  };
  const withSchedule = (
    { match: [, id = ''] }: FakeRequest,
    work: (schedule: FakeSchedule) => void,
  ): FakeAnswer => {
    const schedule = schedules.get(id);
    if (schedule === undefined) return { status: 404, json: { error: 'Scheduled job not found' } };
    work(schedule);
    return { json: tell(schedule) };
  };
  on('POST', new RegExp(`\\/api\\/scheduled-jobs${NS}`), ({ body }) => {
    const parsed = scheduleBody.safeParse(JSON.parse(body.toString('utf8')));
    if (!parsed.success) return { status: 422, json: { error: z.prettifyError(parsed.error) } };
    const id = `sch${schedules.size + 1}`;
    const suspend = parsed.data.suspend ?? false;
    const schedule = { id, body: parsed.data, suspend, lastJob: undefined };
    schedules.set(id, schedule);
    if (!fake.losesReply) return { json: tell(schedule) };
    fake.losesReply = false;
    return { json: tell(schedule), cutAfterBytes: 5 };
  });
  on('GET', new RegExp(`\\/api\\/scheduled-jobs${NS}`), () => ({
    json: [...schedules.values()].map(tell),
  }));
  on('GET', new RegExp(SCHEDULE), (request) => withSchedule(request, () => undefined));
  on('DELETE', new RegExp(SCHEDULE), (request) =>
    withSchedule(request, ({ id }) => void schedules.delete(id)),
  );
  for (const [word, value] of [
    ['suspend', true],
    ['resume', false],
  ] as const)
    on('POST', new RegExp(`${SCHEDULE}\\/${word}`), (request) =>
      withSchedule(request, (schedule) => {
        schedule.suspend = value;
      }),
    );
  return fake;
}

/** The first that nobody has made. */
const strangeBucket = (
  { volumes = [] }: FakeJobBody,
  known: FakeBuckets | undefined,
): string | undefined =>
  known === undefined
    ? undefined
    : volumes.find(({ type, source }) => type === 'bucket' && !known.buckets.has(source))?.source;

const gpu = (model: string, quantity: string, vram: string) => ({
  type: 'gpu',
  model,
  quantity,
  vram,
  manufacturer: 'Nvidia',
});

/** https://huggingface.co/docs/hub/jobs-pricing, as the API writes it. */
const HARDWARE: readonly unknown[] = [
  ['cpu-basic', '2 vCPU', '16 GB', null, 167],
  ['cpu-upgrade', '8 vCPU', '32 GB', null, 500],
  ['t4-small', '4 vCPU', '15 GB', gpu('T4', '1', '16 GB'), 6667],
  ['a10g-small', '4 vCPU', '15 GB', gpu('A10G', '1', '24 GB'), 16_667],
  ['a10g-large', '12 vCPU', '46 GB', gpu('A10G', '1', '24 GB'), 25_000],
  ['a100-large', '12 vCPU', '142 GB', gpu('A100', '1', '80 GB'), 41_667],
  ['a100x8', '96 vCPU', '1136 GB', gpu('A100', '8', '640 GB'), 333_333],
].map(([name, cpu, ram, accelerator, micro]) => ({
  name,
  prettyName: name,
  cpu,
  ram,
  ephemeralStorage: '50 GB',
  accelerator,
  unitCostMicroUSD: micro,
  unitCostUSD: Number(micro) / 1_000_000,
  unitLabel: 'minute',
}));
