/** The library of a test: as another program would have it, with the same folders and nothing shared in memory. */
import { provideEngine } from '#library/engine.ts';
import type { World } from './app.ts';

export function provideWorld(world: World, created: (id: string) => void = () => undefined): void {
  provideEngine(async () => {
    const { services, replacements, close } = await world.newApp();
    return {
      ...services,
      replacements,
      notebookDir: () => services.settings.notebookDir(),
      requestTerms: () => ({}),
      admitAll: () => undefined,
      report: () => undefined,
      host: { created, ready: async () => undefined },
      close,
    };
  });
}
