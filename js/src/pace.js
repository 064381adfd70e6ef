// Keeps a moving view fluent: where frames come too slowly it is drawn coarser, until it rests.

const SLOW = 60; // ms a frame
const REST = 200; // ms without a movement, at least

export class Pace {
  constructor(view) {
    this.view = view;
    this.coarse = false;
    this.last = -Infinity;
    this.mean = 0; // ms a frame, lately
  }

  /** With each frame of a movement. */
  moved() {
    const now = performance.now();
    if (now - this.last < 2 * REST) this.mean += 0.4 * (now - this.last - this.mean);
    this.last = now;
    if (this.mean > SLOW) this.set(true);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.set(false), Math.max(REST, 3 * this.mean));
  }

  set(coarse) {
    if (coarse === this.coarse || !this.view.viewer) return;
    this.coarse = coarse;
    this.view.viewer.getRenderer()._upscale = !coarse;
    this.view.redraw("pace");
  }

  dispose() {
    clearTimeout(this.resting);
  }
}
