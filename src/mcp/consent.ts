/** Asks the person behind a connection, in either era: the call is given back with a question, and comes again with the answer. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  inputRequired,
  inputResponse,
  type InputRequiredResult,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { createHash } from 'node:crypto';
import { isRecord } from '#core/json.ts';
import { identityOf } from '#policy/prompt.ts';
import type { AskPerson, PlannedOperation } from '#tools/authorize.ts';
import type { McpClock } from './contract.ts';

/** A question that nobody answered for so long is answered no. */
const ANSWER_LIMIT_MS = 10 * 60_000;
/** When each open question was put, for every connection of this process. */
const askedMs = new Map<string, number>();

/** Thrown through a tool that has changed nothing yet; the call begins anew when the person has answered. */
export class QuestionPending extends Error {
  readonly result: InputRequiredResult;

  constructor(result: InputRequiredResult) {
    super('A person is asked first.');
    this.result = result;
  }
}

/**
 * An answer counts for exactly the operation that was shown: its key is a hash of everything about it. Whoever comes back with
 * another one is asked again.
 */
export function createAsk(
  server: McpServer,
  { mcpReq }: ServerContext,
  clock: McpClock,
): AskPerson {
  return async (question) => {
    const key = keyOf(question.operation);
    const answer = inputResponse(mcpReq.inputResponses, key);
    const sinceMs = askedMs.get(key);
    // An answer to a question that was never put is none.
    if (answer.kind === 'elicit' && sinceMs !== undefined) {
      askedMs.delete(key);
      const isApproved =
        answer.action === 'accept' &&
        answer.content?.['decision'] === 'approve' &&
        clock.monotonic() - sinceMs <= ANSWER_LIMIT_MS;
      return isApproved ? 'approved' : 'declined';
    }
    if (!canElicit(server, mcpReq)) return 'unavailable';
    const request = inputRequired.elicit({
      message: question.text,
      requestedSchema: {
        type: 'object',
        properties: {
          decision: {
            type: 'string',
            title: 'Decision',
            description: 'Whether it may be done, once.',
            enum: ['approve', 'decline'],
          },
        },
        required: ['decision'],
      },
    });
    askedMs.set(key, clock.monotonic());
    throw new QuestionPending(inputRequired({ inputRequests: { [key]: request } }));
  };
}

/** The newer era says it with every request, the older one once. Without a word about kinds it means forms. */
function canElicit(server: McpServer, { envelope }: ServerContext['mcpReq']): boolean {
  const perRequest = Object.entries(envelope ?? {}).find(
    ([key]) => key === CLIENT_CAPABILITIES_META_KEY,
  )?.[1];
  const declared: unknown = perRequest ?? server.server.getClientCapabilities();
  const elicitation = isRecord(declared) ? declared['elicitation'] : undefined;
  if (!isRecord(elicitation)) return false;
  return elicitation['form'] !== undefined || elicitation['url'] === undefined;
}

const keyOf = (operation: PlannedOperation): string =>
  `approve-${createHash('sha256').update(identityOf(operation)).digest('hex').slice(0, 32)}`;
