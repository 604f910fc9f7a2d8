/** Images: built on first use, layer by layer, with the end of the builder's log where that fails. */
import type { Image } from 'modal';
import { GloveboxError } from '#core/errors.ts';
import type { SdkClient } from './sdk-client.ts';
import type { ImageSpec } from './sdk-specs.ts';

const TAIL_LINES = 40;

/** See `ModalSdk.buildImage`. */
export async function buildImage(
  client: SdkClient,
  spec: ImageSpec,
  signal: AbortSignal,
  onLog: (line: string) => void,
): Promise<Image> {
  const tail: string[] = [];
  const keep = (line: string): void => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onLog(line);
  };
  return client.call({ signal, onBuildLog: keep }, async () => {
    const { images, secrets } = client.raw;
    const app = await client.app();
    let image =
      spec.snapshotId === undefined
        ? images.fromRegistry(spec.base)
        : await images.fromId(spec.snapshotId);
    for (const layer of spec.layers) {
      const visible = { ...spec.buildSecrets, ...layer.secrets };
      const isSecret = Object.keys(visible).length > 0;
      image = image.dockerfileCommands([...layer.commands], {
        ...(isSecret && { secrets: [await secrets.fromObject(visible)] }),
      });
    }
    return image.build(app).catch((error: unknown) => {
      // Of a failed build the SDK throws a plain error; everything else is trouble on the way.
      if (!(error instanceof Error) || !error.message.startsWith('Image build for ')) throw error;
      throw new GloveboxError(
        'sandbox/image-failed',
        [`The image could not be built: ${error.message}`, ...tail].join('\n'),
        { hint: 'Correct the packages or commands of the sandbox; nothing was rented.' },
      );
    });
  });
}
