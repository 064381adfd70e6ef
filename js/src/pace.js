// Keeps a changing view fluent: where frames come too slowly it is drawn coarser, until it rests.

const SLOW = 60; // ms a frame
const LONG = 8; // ms to contour the surfaces
const REST = 200; // ms without a change, at least
const NO_CARD = /swiftshader|llvmpipe|softpipe|software|basic render/i; // what draws without a graphics card

function withoutCard(gl) {
  const more = gl.getExtension("WEBGL_debug_renderer_info");
  return NO_CARD.test(gl.getParameter(more ? more.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

export class Pace {
  constructor(view) {
    this.view = view;
    this.coarse = false; // has fewer pixels
    this.rough = false; // has fewer triangles
    this.last = -Infinity;
    this.mean = 0; // ms a frame, lately
    this.work = 0; // ms that the last fine surfaces took
    this.weak = null; // whether there is no graphics card
  }

  /** With each frame of a movement. */
  moved() {
    const now = performance.now();
    if (now - this.last < 2 * REST) this.mean += 0.4 * (now - this.last - this.mean);
    this.last = now;
    if (this.mean > SLOW && this.coarsen(true)) this.view.redraw("pace");
    this.wait();
  }

  /** Before surfaces are drawn that have just changed: the first frame of them is soon there. */
  changed() {
    this.weak ??= withoutCard(this.view.viewer.getRenderer().getContext());
    if (!this.weak && this.work < LONG) return;
    this.rough = true;
    if (this.coarsen(true)) this.view.stale.add("pace");
    this.wait();
  }

  wait() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(), Math.max(REST, 3 * this.mean));
  }

  /** Whether this changes anything. */
  coarsen(coarse) {
    if (coarse === this.coarse || !this.view.viewer) return false;
    this.coarse = coarse;
    this.view.viewer.getRenderer()._upscale = !coarse;
    return true;
  }

  /** Draws all that was left out. */
  settle() {
    if (this.coarsen(false)) this.view.redraw("pace");
    if (!this.rough) return;
    this.rough = false;
    this.view.redraw("detail");
  }

  /** Calls `build(rough)`, and takes the time of it. */
  build(build) {
    const begun = performance.now();
    build(this.rough);
    if (!this.rough) this.work = performance.now() - begun;
  }

  dispose() {
    clearTimeout(this.resting);
  }
}
