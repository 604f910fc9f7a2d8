/** What runs inside a Modal sandbox beside its server: Docker with containers, and an editor. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FakeSandbox } from '../fakes/modal/fake-modal.mjs';
import { serveCodeServer } from '../rigs/code-server.ts';
import { freePort } from '../rigs/free-port.ts';
import {
  isCertificateMissing,
  makeModalRig,
  MARKED,
  type ModalRig,
} from '../rigs/modal-backend.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { Caller, never } from './contract-rig.ts';

const withoutCertificate = isCertificateMissing();

let rig: ModalRig;
beforeEach(async () => {
  rig = await makeModalRig();
});
afterEach(() => rig.dispose());

const only = (): FakeSandbox => rig.fake.alive()[0] ?? expect.fail('nothing runs');

test.skipIf(withoutCertificate)(
  '3.1, 3.3, SEC8: with docker a repository gets its container, with codeServer the sandbox an editor',
  async () => {
    mkdirSync(path.join(rig.projectDir, 'lib'));
    writeFileSync(
      path.join(rig.projectDir, 'lib/Dockerfile'),
      'FROM x\nRUN echo built > made.txt\n',
    );
    const repos = [{ url: 'org/lib', ref: '0'.repeat(40), dockerfile: 'Dockerfile' }];
    const quote = await rig
      .newBackend()
      .quote?.({ docker: true, repos }, { projectDir: rig.projectDir, signal: never() });
    expect(quote?.remarks.join('\n')).toContain('images of repositories are built on the machine');
    // The builder of the fake puts no clone there, so it comes as files of the project.
    const editorPort = await freePort();
    const editor = { code_server: true, code_server_port: editorPort };
    const wanted = { docker: true, repos, files: [{ from: 'lib', to: 'lib' }], ...editor };
    const caller = new Caller({
      projectDir: rig.projectDir,
      options: { ...MARKED, ...wanted },
      countAtEngine: async () => rig.fake.alive().length,
    });
    const served = await serveCodeServer();
    await caller.startAndWait(rig.newBackend({}, { codeServer: served.archives }));
    served.close();
    const asked = (called: string): string =>
      rig.fake.calls
        .flatMap(({ method, request }) => (method === called ? [JSON.stringify(request)] : []))
        .join('\n');
    expect(asked('imageGetOrCreate')).toContain('docker.io');
    expect(asked('sandboxCreateV2')).toContain('enable_docker');
    const endpoint = await rig.newBackend().endpoint(caller.handle(), never());
    const kernel = await startRawKernel(endpoint, 'test.ipynb');
    const code = `import json, os
from glovebox_containers import container_exec
done = container_exec("lib", ["cat", "made.txt"])
json.dump([done.stdout, os.environ["DOCKER_HOST"]], open("out.json", "w"))`;
    expect(await kernel.execute(code)).toBe('ok');
    await kernel.leave();
    const { root } = only();
    const told: unknown = JSON.parse(readFileSync(path.join(root, 'workspace/out.json'), 'utf8'));
    expect(told).toEqual(['built\n', `unix://${root}/state/docker/docker.sock`]);
    // SEC8: the editor is behind the server and its token; what opens it is added there, and told to nobody.
    const { baseUrl, headers } = endpoint;
    const page = `${baseUrl}glovebox/ports/${editorPort}/`;
    const opened = await fetch(page, { headers });
    expect(await opened.json()).toMatchObject({ workspace: `${root}/workspace` });
    expect(opened.headers.getSetCookie().join()).not.toContain('code-server-session');
    expect((await fetch(page, { redirect: 'manual' })).status).not.toBe(200);
  },
);
