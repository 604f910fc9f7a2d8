/** Tools that come and go while a server runs: they are read anew after each call, and clients are told when they differ. */
import type { RegisteredTool } from '@modelcontextprotocol/server';
import type { Tool } from '#tools/define-tool.ts';
import { factsOf, listed, type ListedTool } from '#tools/listed-tool.ts';

interface Registered {
  readonly form: string;
  readonly handle: RegisteredTool;
}

/** For one server at a time. */
export class ChangingTools {
  readonly #read: () => Promise<readonly Tool[]>;
  readonly #registered = new Map<string, Registered>();
  #fixed: ReadonlySet<string> = new Set();
  #register: ((tool: ListedTool) => RegisteredTool) | undefined;
  #known: readonly Tool[] = [];

  constructor(read: () => Promise<readonly Tool[]>) {
    this.#read = read;
  }

  /** Whoever makes a server hands over how one is added to it. What is known already is added at once. */
  attach(
    fixed: readonly Pick<Tool, 'name'>[],
    register: (tool: ListedTool) => RegisteredTool,
  ): void {
    this.#fixed = new Set(fixed.map(({ name }) => name));
    this.#register = register;
    this.#apply();
  }

  async refresh(): Promise<void> {
    this.#known = await this.#read();
    this.#apply();
  }

  #apply(): void {
    const register = this.#register;
    if (register === undefined) return;
    const wanted = new Map(
      this.#known.filter(({ name }) => !this.#fixed.has(name)).map((tool) => [tool.name, tool]),
    );
    for (const [name, { form, handle }] of this.#registered) {
      const tool = wanted.get(name);
      if (tool !== undefined && formOf(tool) === form) continue;
      handle.remove();
      this.#registered.delete(name);
    }
    for (const [name, tool] of wanted) {
      if (this.#registered.has(name)) continue;
      this.#registered.set(name, { form: formOf(tool), handle: register(listed(tool)) });
    }
  }
}

/** Everything a client sees of it, and whom a call of it reaches. */
const formOf = (tool: Tool): string => JSON.stringify([tool.revision, factsOf(tool)]);
