/** Saves images of answers to files, since a terminal cannot show them. */
import type { CommandContext } from './command.ts';

/** @returns a function that saves one image and answers its path; names are numbered and start with `stem`. */
export function imageSaver(
  { host, config }: CommandContext,
  stem: string,
  folder?: string,
): (base64: string, mimeType: string) => Promise<string> {
  const time = new Date(host.clock.now()).toISOString().replaceAll(/\D/g, '').slice(0, 14);
  let count = 0;
  return (base64, mimeType) => {
    count += 1;
    const ending =
      mimeType === 'image/jpeg' ? 'jpg' : (/^image\/(\w+)/.exec(mimeType)?.[1] ?? 'bin');
    return host.saveFile(
      config,
      `${stem}-${time}-${count}.${ending}`,
      Buffer.from(base64, 'base64'),
      folder,
    );
  };
}
