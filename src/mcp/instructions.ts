/** What every model reads about Glovebox before it sees a tool: at most 2 KB. */

export const INSTRUCTIONS = `Glovebox gives you live Jupyter notebooks: state stays in the kernel between calls, every cell and its output is kept in an .ipynb file, and a person can watch in the browser.

Start: start_new_notebook (new file) or start_notebook (existing file, or a session that is still alive). Both answer with a session_id that all other calls take. list_sessions shows what is alive, also from earlier conversations: look there before starting something new.

Work: execute_code adds a cell at the end and runs it. run_cell runs stored cells, edit_cell changes one in place, add_markdown writes text. Fix a failing cell with edit_cell (run=true) instead of adding a second version. execute_scratch looks at things without leaving a cell, inspect_variables lists what the kernel holds. After a restart, run_cell or restore_notebook bring the variables back, with their side effects.

Waiting: a call that takes long answers with a run_id while the code runs on. Continue with get_run (wait_s), end it with interrupt_kernel. Never run the same code again because an answer is late: code is sent once, and it is still running.

sandbox_bash runs shell commands beside the kernels; sandbox_read, sandbox_write and sandbox_edit work on files where the code runs.

Cells are named by id (stable), by index from 0, or from the end (-1).

Long output is shortened; the answer says how to read the rest. A Python exception is a normal answer with its traceback. An answer that begins with [area/problem] is a failure of the tool, and its "Next:" line is the step to take.

Research before machine-learning code: what you remember of its libraries is out of date. hf_papers finds and reads papers, explore_hf_docs and fetch_hf_docs the current docs, github_find_examples working code. Lists go on with the cursor in their last line. What changes something outside asks the user first.

Kernels and sandboxes outlive this conversation. Call shutdown_session or sandbox_stop only when the user asks for it or the work is done.`;
