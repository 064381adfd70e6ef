// Numbers of the level diagram: its energy axis, its colours, how energies are written.

export const HARTREE2EV = 27.211386245988; // CODATA 2018

/** Factor from Eh, and digits after the point in texts. */
export const UNITS = { Eh: [1, 4], eV: [HARTREE2EV, 2] };

/** Round values from `low` to `high`, about `most` of them, and the digits that tell them apart. */
export function ticks(low, high, most) {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * (1 - 1e-9));
  const values = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(k * step);
  return { values, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** A number with a true minus sign and no negative zero. */
export function write(value, decimals, signed = false) {
  const text = Math.abs(value).toFixed(decimals);
  if (!Number(text)) return text;
  return (value < 0 ? "−" : signed ? "+" : "") + text;
}

// From overlap 0 to 1, even in lightness and ever farther from the page behind.
const STOPS = {
  light: ["#f2a43a", "#dc5f65", "#a02a86", "#4b1d91", "#170c4f"],
  dark: ["#6a3fb5", "#b84a9e", "#ee6b6b", "#fbae5a", "#fdf0a6"],
};

/** Occupied and virtual, the colours of the plots. */
export const TONES = { light: ["#0072b2", "#e69f00"], dark: ["#4aa8dd", "#f0b030"] };

/** Colour of an overlap between 0 and 1 on a light or dark page. */
export function overlapColor(overlap, dark) {
  const stops = STOPS[dark ? "dark" : "light"];
  const place = Math.min(Math.max(overlap, 0), 1) * (stops.length - 1);
  const first = Math.min(Math.floor(place), stops.length - 2);
  const [a, b] = [stops[first], stops[first + 1]].map((hex) =>
    [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)),
  );
  return `rgb(${a.map((from, i) => Math.round(from + (place - first) * (b[i] - from))).join(",")})`;
}

const CORE = -2; // Eh: orbitals below are of inner shells, far from all others

/** What the diagram shows first: around HOMO and LUMO, as `[low, high]` in Eh. */
export function frontier(columns) {
  const ends = columns.map(({ energies, occupied }) => [
    Math.max(energies[Math.max(0, occupied - 8)], Math.min(energies.find((energy) => energy > CORE) ?? Infinity, energies[occupied - 1])),
    energies[Math.min(energies.length - 1, occupied + 5)],
  ]);
  return widen(ends);
}

/** All levels, as `[low, high]` in Eh. */
export const whole = (columns) => widen(columns.map(({ energies }) => [energies[0], energies.at(-1)]));

function widen(ends) {
  const low = Math.min(...ends.map(([from]) => from));
  const high = Math.max(...ends.map(([, to]) => to));
  const margin = 0.06 * (high - low) || 0.1;
  return [low - margin, high + margin];
}
