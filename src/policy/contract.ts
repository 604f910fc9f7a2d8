/** What policy is asked, and what it answers. Everything that spends, destroys or publishes goes through `Authorize`. */
import type { BackendId } from '#sandbox/backend.ts';
import type { MicroUsd } from '#core/money.ts';
import type { Estimate } from './cost.ts';

/**
 * What happens to a call.
 *
 * - `free`: it runs.
 * - `ask`: a person agrees, or the budget does where the user let it.
 * - `manual`: a person agrees, every time, whatever the budget.
 * - `deny`: it never runs.
 *
 * In rising order: of two reasons the stricter one holds.
 */
export const CALL_CLASSES = ['free', 'ask', 'manual', 'deny'] as const;
export type CallClass = (typeof CALL_CLASSES)[number];

/** Facts about a call beyond its name that rules look at. What is left out is not known, and rules take the worst then. */
export interface CallFacts {
  /** Whose repository or account it is. `organisation`: one that the user belongs to. */
  readonly ownership?: 'own' | 'organisation' | 'foreign' | 'unknown';
  /** Afterwards more people can see it than before. */
  readonly publishes?: boolean;
  /** What leaves the machine holds a key or a token. */
  readonly hasSecrets?: boolean;
  /** It only looks. */
  readonly isDryRun?: boolean;
  readonly backend?: BackendId;
  /** In the words of its provider: a flavor, a GPU. */
  readonly hardware?: string;
  /** The sandbox is of this session, or the job of this installation. */
  readonly isOurs?: boolean;
  /** A job whose ports or shell can be reached from outside, or that gets secrets other than the Hub token. */
  readonly isExposed?: boolean;
  /** Code in the sandbox gets secrets of the user's. */
  readonly givesSecrets?: boolean;
  /** A Hub token goes into an image that nobody vouches for. */
  readonly givesTokenAway?: boolean;
  /** What it logs goes to a page that everybody can read. */
  readonly logsInPublic?: boolean;
  /** The worst of what the checks of its script found. */
  readonly worstAdvisory?: Advisory['severity'];
}

/** A remark of the checks on a script. It blocks nothing; a `high` one needs a person. */
export interface Advisory {
  readonly code: string;
  readonly severity: 'low' | 'medium' | 'high';
  readonly message: string;
  readonly fix?: string;
}

/** Everything a person needs to decide, and everything policy needs to recognise the call. */
export interface PlannedOperation {
  readonly tool: string;
  /** The operation as the tool normalised it: the same spelling for every way to write it. Empty for a tool with only one. */
  readonly operation: string;
  /** What will be done, as a question: `Delete 3 files of the dataset org/name?` */
  readonly question: string;
  /** The facts, one line each: repository and whose it is, branch, count and paths, visibility before and after, bytes. */
  readonly facts: readonly string[];
  /** The arguments as they will be used, with a hash of each content; what was approved is what runs. */
  readonly binding: Readonly<Record<string, string>>;
  /** For the rules. */
  readonly about: CallFacts;
  /** The most that it can cost; left out when it costs nothing. */
  readonly cost?: Estimate;
  /** Whose money it is, and on which hardware: for the ledger. */
  readonly namespace?: string;
  readonly advisories?: readonly Advisory[];
  /** SHA-256 of the script that runs, where one is read from a file. */
  readonly scriptSha256?: string;
  /** What will have come to be, for settling: known before it is asked for. */
  readonly subject?: Subject;
  /** What happens under one answer: each is judged and reserved by itself, and `cost` is the sum of theirs. */
  readonly together?: readonly PlannedOperation[];
}

/** What money is spent on. */
export interface Subject {
  readonly kind: 'sandbox' | 'job';
  readonly id: string;
}

/** How the person at the other end answered. `unavailable`: this client cannot ask anybody. */
export type Consent = 'approved' | 'declined' | 'unavailable';

/** A question to a person. */
export interface Question {
  readonly operation: PlannedOperation;
  /** What they read: `renderQuestion`, without secrets. It may differ a minute later and is no part of what is agreed to. */
  readonly text: string;
}

/** Puts a question to the person, through whatever the caller of the tool has for it. */
export type AskPerson = (question: Question, signal: AbortSignal) => Promise<Consent>;

/** The call as the client made it, by which a question that was already answered is recognised. */
export interface CallOrigin {
  /** `_meta["claudecode/toolUseId"]`. */
  readonly toolUseId?: string;
  /** The arguments as they came, before anything was filled in. */
  readonly rawInput: unknown;
}

/** The caller of a tool, as policy sees it. */
export interface Person {
  readonly ask: AskPerson;
  readonly signal: AbortSignal;
  readonly origin?: CallOrigin;
  /** `--approve-max-usd` of a command: the person agrees to everything that costs no more. */
  readonly approvedMaxMicroUsd?: MicroUsd;
}

/** The leave to do it, once. */
export interface Grant {
  /** A line for the answer, such as what was approved without a person and what is left. */
  readonly note?: string;
  /** It has been asked for: from now on it counts until somebody sees its end. Idempotent. Never rejects. */
  attach(subject?: Subject): Promise<void>;
  /** It surely did not come to be: nothing is spent. Idempotent. Never rejects. */
  release(): Promise<void>;
  /** One for each of what happens together, in their order. The other methods stand for all of them. */
  readonly parts?: readonly Grant[];
}

/**
 * Lets an operation happen by returning, at most once for each call of a tool and before anything is changed. Money is reserved
 * by then, on disk. Nothing before it may have an effect: while a person is asked, the call is given back and begins anew.
 *
 * @throws GloveboxError `policy/refused` when a person or a rule says no, `policy/over-budget`, `policy/needs-approval` when nobody
 * can be asked, `cancelled`. Nothing is reserved then.
 */
export type Authorize = (operation: PlannedOperation, person: Person) => Promise<Grant>;

/** How policy is set, read anew for every decision. */
export interface PolicySettings {
  /** Calls of class `ask` run without a person, inside the budget. */
  readonly autoApprove: boolean;
  /** `unlimited` was written out; undefined was not said. */
  readonly sessionCap: MicroUsd | 'unlimited' | undefined;
  readonly dayCap: MicroUsd | 'unlimited' | undefined;
  readonly confirmCpuJobs: boolean;
  readonly confirmSlurm: boolean;
}
