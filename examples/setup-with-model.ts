/**
 * A set-up script: `glovebox run examples/setup-with-model.ts MODEL [GPU]` makes a sandbox of the profile `probe`, loads a model
 * into a notebook, and prints one line, which the tool attach_to_session takes. Nothing stays when it fails.
 */
import { Sandbox, emitReady } from 'glovebox';

const [model, gpu] = process.argv.slice(2);
if (model === undefined) throw new Error('usage: glovebox run setup-with-model.ts MODEL [GPU]');

const sandbox = await Sandbox.create({
  profile: 'probe',
  ...(gpu !== undefined && { gpu }),
  models: [{ id: model, varName: 'subject' }],
});
console.log(`${sandbox.name} is ready`); // on stderr: stdout is for the one line

const session = await sandbox.startNotebook({ name: 'first-look' });
await session.exec(`print(f"{sum(p.numel() for p in subject.parameters()):,} parameters")`, {
  check: true,
});
await emitReady(session);
