/** Policy as tools see it: what they say before they change something, and the one function that lets it. */
export type {
  AskPerson,
  Authorize,
  CallFacts,
  CallOrigin,
  Consent,
  Person,
  PlannedOperation,
} from '#policy/contract.ts';
