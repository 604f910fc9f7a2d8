/** A client whose person answers every question in the same way, and what was asked. */
import type { Client } from '@modelcontextprotocol/client';
import type { Consent, PlannedOperation } from '#tools/authorize.ts';
import { tools } from '#tools/index.ts';
import { askAlways } from './ask-always.ts';
import { connect } from '../mcp/harness.ts';
import type { ResearchWorld } from './research-world.ts';

export interface Asked {
  readonly client: Client;
  readonly questions: readonly PlannedOperation[];
}

/** @param before what happens between the question and the answer. */
export async function clientWhoIs(
  world: ResearchWorld,
  consent: Consent,
  before: () => void = () => undefined,
): Promise<Asked> {
  const questions: PlannedOperation[] = [];
  const { client } = await connect('legacy', {
    tools,
    services: async () => ({
      ...world.app.services,
      authorize: (operation, person) =>
        askAlways(operation, {
          ...person,
          ask: async () => {
            questions.push(operation);
            before();
            return consent;
          },
        }),
    }),
  });
  return { client, questions };
}
