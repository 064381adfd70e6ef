// The part of the energy axis that a level diagram shows.
import { frontier, whole } from "./levels_scale.js";

const NARROWEST = 0.002; // Eh from bottom to top
const MARGIN = 0.04; // of what is shown, around a level that is brought into view

export class Axis {
  constructor(levels) {
    this.levels = levels;
    this.ends = [0, 1]; // Eh
  }

  /** From HOMO to LUMO and some more. */
  reset() {
    if (this.levels.data) this.look(frontier(this.levels.data.columns));
  }

  /** Shows `[low, high]`, or as much of it as there are levels in. */
  look([low, high]) {
    const [first, last] = whole(this.levels.data.columns);
    const span = Math.min(Math.max(high - low, NARROWEST), last - first);
    const start = Math.min(Math.max((low + high - span) / 2, first), last - span);
    this.ends = [start, start + span];
    this.levels.redraw();
  }

  /** Brings an energy into view. */
  reveal(energy) {
    const [low, high] = this.ends;
    const margin = MARGIN * (high - low);
    const by = Math.min(energy - margin - low, 0) + Math.max(energy + margin - high, 0);
    if (by) this.look([low + by, high + by]);
  }

  zoom(by, centre = (this.ends[0] + this.ends[1]) / 2) {
    const [low, high] = this.ends;
    this.look([centre + (low - centre) * by, centre + (high - centre) * by]);
  }

  /** Energy per pixel. */
  get scale() {
    const { top, bottom } = this.levels.found;
    return (this.ends[1] - this.ends[0]) / (bottom - top);
  }

  energyAt({ clientY }) {
    const { svg, found } = this.levels;
    return this.ends[1] - (clientY - svg.getBoundingClientRect().top - found.top) * this.scale;
  }
}
