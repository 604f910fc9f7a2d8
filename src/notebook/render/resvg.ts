/** Loads the SVG renderer and draws with it. Runs in the image worker only. */
import { readFile } from 'node:fs/promises';
import { Resvg, initWasm } from '@resvg/resvg-wasm';

/** RGBA premultiplied with alpha. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly premultiplied: Uint8Array;
}

export interface SvgDrawer {
  draw(svg: string, size: SvgSize): Drawing;
}
/** With `fonts` text is drawn, on white; without, it is a frame around one raster picture. */
export interface SvgSize {
  readonly longEdgePx?: number;
  readonly fonts: boolean;
}

export async function loadSvgDrawer(wasm: string | URL, font: string | URL): Promise<SvgDrawer> {
  await initWasm(await readFile(wasm));
  const fontBytes = await readFile(font);
  const family = 'DejaVu Sans';
  const fontOptions = {
    fontBuffers: [fontBytes],
    defaultFontFamily: family,
    serifFamily: family,
    sansSerifFamily: family,
    cursiveFamily: family,
    fantasyFamily: family,
    monospaceFamily: family,
  };
  return {
    draw(svg, { longEdgePx, fonts }) {
      const options = fonts ? { font: fontOptions, background: 'white' } : {};
      let drawing = new Resvg(svg, options);
      if (longEdgePx !== undefined) {
        const mode = drawing.width >= drawing.height ? 'width' : 'height';
        drawing.free();
        drawing = new Resvg(svg, { ...options, fitTo: { mode, value: longEdgePx } });
      }
      try {
        const image = drawing.render();
        const drawn = { width: image.width, height: image.height, premultiplied: image.pixels };
        image.free();
        return drawn;
      } finally {
        drawing.free();
      }
    },
  };
}
