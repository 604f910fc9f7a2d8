/** Stands in for the MCP SDK's Node shims in the bundle: the same but for ajv, which costs 20 ms of every start. */
export { CfWorkerJsonSchemaValidator as DefaultJsonSchemaValidator } from '@modelcontextprotocol/server/validators/cf-worker';
export { default as process } from 'node:process';
