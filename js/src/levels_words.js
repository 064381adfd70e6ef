// Levels in words.
import { HARTREE2EV, UNITS, write } from "./levels_scale.js";

/** A level without a partner, or a pair by number, in lines of text. */
export function describe(say, { columns, pairs }, { pair, column, level }) {
  const [i, j, overlap, difference] = pairs[pair] ?? [];
  const both = pair === undefined ? [[columns[column], level]] : [[columns[0], i], [columns[1], j]];
  const shown = both.filter(([each]) => each);
  const labels = shown.map(([each, at]) => each.labels[at]);
  const lines = [labels[0] === labels[1] ? labels[0] : labels.join(" ↔ ")];
  for (const [{ name, energies }, at] of shown)
    lines.push(`${name}: ${write(energies[at], UNITS.Eh[1])} Eh, ${write(energies[at] * HARTREE2EV, UNITS.eV[1])} eV`);
  if (pair === undefined && columns.length > 1) lines.push(say("levels.unmatched"));
  if (shown.length > 1) lines.push(`Δε: ${write(difference * 1000, 2, true)} mEh`, say("levels.overlap", { overlap: write(overlap, 3) }));
  return lines;
}
