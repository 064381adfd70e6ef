// The colours of a painted surface.

/** `[red, green, blue]` of a value; those outside the range have the colour of its ends. */
export function colorAt(value, [low, high], colors) {
  const at = Math.min(Math.max((value - low) / (high - low), 0), 1) * (colors.length - 1);
  const below = Math.min(Math.floor(at), colors.length - 2);
  return colors[below].map((from, k) => from + (at - below) * (colors[below + 1][k] - from));
}
