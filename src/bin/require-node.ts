/** Refuses a Node that is too old, in words, before anything is loaded that it could not even parse. */

const MIN_MAJOR = 20;
const MIN_MINOR = 19;

/** Ends the process when its Node is older than 20.19. */
export function requireNode(program: string): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MIN_MAJOR || (major === MIN_MAJOR && minor >= MIN_MINOR)) return;
  process.stderr.write(
    `${program} needs Node ${MIN_MAJOR}.${MIN_MINOR} or newer. This is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install a newer one from https://nodejs.org and make sure that it comes first on the PATH.\n',
  );
  process.exit(1);
}
