/** Sessions and runs through the tools, as an agent would have them. */
import { idIn, type Answer, type McpProcess } from './mcp-process.ts';

export interface BenchSession {
  readonly id: string;
  readonly notebookPath: string;
  /** Ends the session and its kernel. */
  end(): Promise<void>;
}

/** In the project's local sandbox unless another one is named. */
export async function newSession(
  server: McpProcess,
  name: string,
  sandbox?: string,
): Promise<BenchSession> {
  const where = sandbox === undefined ? {} : { sandbox_id: sandbox };
  const request = { experiment_name: name, ...where };
  return toSession(server, await server.call('start_new_notebook', request));
}

/** A session on a notebook that exists already. */
export async function openNotebook(server: McpProcess, file: string): Promise<BenchSession> {
  return toSession(server, await server.call('start_notebook', { notebook_path: file }));
}

function toSession(server: McpProcess, answer: Answer): BenchSession {
  const id = idIn(answer, 'session_id');
  return {
    id,
    notebookPath: idIn(answer, 'notebook_path'),
    end: async () => void (await server.call('shutdown_session', { session_id: id })),
  };
}

/** Runs code in a new cell; an end that is not the end of the code would be measured as fast, so it fails. */
export async function runCode(
  server: McpProcess,
  { id }: BenchSession,
  code: string,
): Promise<Answer> {
  const answer = await server.call('execute_code', { session_id: id, code, wait_s: 120 });
  const state = idIn(answer, 'state');
  if (state !== 'ok') throw new Error(`the code ended as ${state}: ${answer.text}`);
  return answer;
}
