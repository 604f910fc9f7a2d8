/**
 * A plain program with the library, run by `node examples/program.mjs`: it compares three seeds in a sandbox of its own, which ends
 * with the program. From Node 24 on, `await using sandbox = ...` does what `finally` does here.
 */
import { Sandbox } from 'glovebox';

const SOURCE =
  'import json, random, sys\nrandom.seed(int(sys.argv[1]))\nprint(json.dumps(random.random()))\n';

const sandbox = await Sandbox.create({ backend: 'local' });
try {
  const runs = ['1', '2', '3'].map((seed) =>
    sandbox.execPython(SOURCE, { args: [seed], check: true }),
  );
  const values = (await Promise.all(runs)).map(({ stdout }) => Number(stdout));
  const session = await sandbox.startNotebook({ name: 'seeds' });
  const spread = await session.exec(
    `values = ${JSON.stringify(values)}\nmax(values) - min(values)`,
  );
  console.log(JSON.stringify({ values, spread: spread.text, notebook: session.notebookPath }));
} finally {
  await sandbox.terminate();
}
