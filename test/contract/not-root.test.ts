/** SEC4: a rented machine that starts as root gives its rights away before the server, and so every kernel, is there. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { serverSpec } from '#sandbox/rented-server.ts';
import { testPython } from '../rigs/python.ts';
import { isMissing } from '../rigs/require.ts';

const notRoot = isMissing('The rights of root', process.getuid?.() === 0, 'Run the tests as root.');
/** Is everywhere, may do nothing, and stands for the user that a container gets. */
const NOBODY = 65_534;
const pythonDir = path.resolve(import.meta.dirname, '../../python');

/** Where the program would become the server, it tells what that would be. */
const INSTEAD_OF_SERVING = `
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("entry", sys.argv[1])
entry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(entry)
def tell(program, argv, env):
    with open(os.path.join(os.getcwd(), "told.json"), "w") as file:
        json.dump({"ids": os.getresuid() + os.getresgid(), "groups": os.getgroups(), "env": env}, file)
os.execve = tell
entry.main()
`;

it.skipIf(notRoot)(
  'SEC4, SEC5, acceptance 52: the server is not root, owns what it needs, and has the variables of the list',
  () => {
    const root = mkdtempSync(path.join(tmpdir(), 'glovebox-root-'));
    chmodSync(root, 0o755);
    try {
      const layout = {
        workspace: path.join(root, 'workspace'),
        models: path.join(root, 'models'),
        cache: path.join(root, 'cache'),
        state: path.join(root, 'state'),
        ip: '127.0.0.1',
        port: 8888,
        user: { name: 'nobody', uid: NOBODY, home: path.join(root, 'home') },
      };
      mkdirSync(layout.cache);
      // As it is unpacked in a machine, beside what kernels import.
      const entry = path.join(root, 'files/sandbox_entry.py');
      mkdirSync(path.join(root, 'files/lib'), { recursive: true });
      copyFileSync(path.join(pythonDir, 'sandbox_entry.py'), entry);
      const spec = serverSpec({
        layout,
        idleS: 60,
        emptyServerS: 60,
        envNames: ['MINE'],
        paths: { HF_HOME: layout.cache },
        models: [],
        weights: [],
        writable: [layout.cache],
      });
      const made = Object.fromEntries(
        Array.from({ length: 50 }, (_, at) => [`MADE_UP_${at}`, `value ${at}`]),
      );
      const { status, stderr, stdout } = spawnSync(
        testPython(),
        ['-I', '-c', INSTEAD_OF_SERVING, entry],
        {
          encoding: 'utf8',
          env: {
            ...made,
            PATH: process.env['PATH'] ?? '',
            CUDA_VISIBLE_DEVICES: '0',
            HF_TOKEN: 'hf_secret',
            MINE: 'asked for',
            GLOVEBOX_TOKEN: 'token of the server',
            GLOVEBOX_SPEC: JSON.stringify(spec),
          },
        },
      );
      expect(stdout + stderr, String(status)).toContain(`user ${NOBODY}`);
      const told = JSON.parse(readFileSync(path.join(layout.workspace, 'told.json'), 'utf8'));
      expect(told.ids).toEqual(Array.from({ length: 6 }, () => NOBODY));
      expect(told.groups).toEqual([]);
      expect(told.env).toMatchObject({
        HOME: layout.user.home,
        USER: 'nobody',
        MINE: 'asked for',
        CUDA_VISIBLE_DEVICES: '0',
        HF_HOME: layout.cache,
      });
      expect(JSON.stringify(told.env)).not.toMatch(/MADE_UP|hf_secret|token of the server/);
      for (const place of [layout.workspace, layout.cache, path.join(layout.state, 'jupyter')])
        expect([place, statSync(place).uid]).toEqual([place, NOBODY]);
      const config = statSync(path.join(layout.state, 'jupyter/server.json'));
      expect([config.uid, config.mode & 0o777]).toEqual([NOBODY, 0o600]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
);
