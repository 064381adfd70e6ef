// The colours of a painted surface: red, white, blue, told apart by people of any colour vision.

const STOPS = [[0xb2, 0x18, 0x2b], [0xf4, 0xa5, 0x82], [0xf7, 0xf7, 0xf7], [0x92, 0xc5, 0xde], [0x21, 0x66, 0xac]];

/** `[red, green, blue]`, 0 to 255, of a value; those outside the range have the colour of its ends. */
export function divergingColor(value, [low, high]) {
  const at = Math.min(Math.max((value - low) / (high - low), 0), 1) * (STOPS.length - 1);
  const below = Math.min(Math.floor(at), STOPS.length - 2);
  const part = at - below;
  return STOPS[below].map((from, k) => from + part * (STOPS[below + 1][k] - from));
}

/** As a CSS gradient or a canvas gradient has them: `[[offset, color]]`. */
export const stops = STOPS.map((rgb, i) => [i / (STOPS.length - 1), `rgb(${rgb})`]);
