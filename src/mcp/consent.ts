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
import type { AskPerson, PlannedOperation } from '#tools/authorize.ts';

const MAX_MESSAGE_CHARS = 1500;

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
export function createAsk(server: McpServer, { mcpReq }: ServerContext): AskPerson {
  return async (operation) => {
    const key = keyOf(operation);
    const answer = inputResponse(mcpReq.inputResponses, key);
    if (answer.kind === 'elicit') {
      const isApproved = answer.action === 'accept' && answer.content?.['decision'] === 'approve';
      return isApproved ? 'approved' : 'declined';
    }
    if (!canElicit(server, mcpReq)) return 'unavailable';
    const request = inputRequired.elicit({
      message: messageOf(operation),
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

function keyOf({ tool, operation, effect, question, facts, binding }: PlannedOperation): string {
  const sorted = Object.entries(binding).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([tool, operation, effect, question, facts, sorted]);
  return `approve-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

/** The question and the facts; what does not fit is counted. */
function messageOf({ question, facts }: PlannedOperation): string {
  let text = question;
  for (const [at, fact] of facts.entries()) {
    if (text.length + fact.length + 40 > MAX_MESSAGE_CHARS)
      return `${text}\n(and ${facts.length - at} more lines)`;
    text += `\n${fact}`;
  }
  return text;
}
