// What the mouse does in a level diagram.
import { describe } from "./levels_words.js";

const NEAR = 7; // px
const RESTS = 50; // ms of the pointer on a level that is then likely to be clicked

export class Pointer {
  constructor(levels, tip) {
    this.levels = levels;
    this.tip = tip;
    this.hovered = null; // the mark under the pointer
    const { svg } = levels;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.release(event));
    svg.addEventListener("pointercancel", () => this.drop());
    svg.addEventListener("pointerleave", () => this.hover(null));
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** The level or link at an event. */
  at(event) {
    const { svg, found } = this.levels;
    const { left, top } = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const near = (marks, distance) => {
      const all = marks.map((mark) => [distance(mark), mark]).filter(([d]) => d < NEAR);
      return all.sort(([a], [b]) => a - b)[0]?.[1];
    };
    const level = near(found.levels, (mark) => Math.hypot(Math.max(mark.x0 - x, 0, x - mark.x1), mark.y - y));
    return (
      level ??
      near(found.links, ({ x0, y0, x1, y1 }) => {
        if (x < x0 || x > x1) return Infinity;
        const slope = (y1 - y0) / (x1 - x0);
        return Math.abs(y - y0 - slope * (x - x0)) / Math.hypot(1, slope);
      })
    );
  }

  press(event) {
    const { data, box, svg, axis } = this.levels;
    if (event.button !== 0 || !data) return;
    box.focus({ preventScroll: true });
    svg.setPointerCapture(event.pointerId);
    this.pressed = { y: event.clientY, ends: axis.ends };
    this.levels.expect(this.at(event)?.pair);
  }

  move(event) {
    if (!this.pressed) return this.hover(event);
    const moved = event.clientY - this.pressed.y;
    if (!this.dragged && Math.abs(moved) < 4) return;
    this.hover(null);
    this.dragged = true;
    const { box, axis } = this.levels;
    box.classList.add("dragged");
    axis.look(this.pressed.ends.map((end) => end + moved * axis.scale));
  }

  release(event) {
    if (this.pressed && !this.dragged) this.levels.select(this.at(event)?.pair);
    this.drop();
  }

  drop() {
    this.pressed = this.dragged = null;
    this.levels.box.classList.remove("dragged");
  }

  wheel(event) {
    const { data, box, axis } = this.levels;
    // the page scrolls on over a diagram that nobody is working in
    if (!data || !(event.ctrlKey || box.contains(document.activeElement))) return;
    event.preventDefault();
    event.stopPropagation();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    axis.zoom(Math.exp(Math.max(-1, Math.min(1, pixels * 0.002))), axis.energyAt(event));
  }

  /** What the pointer passes over is not drawn, only what it rests on. */
  hover(event) {
    const mark = (event && this.at(event)) ?? null;
    this.levels.box.classList.toggle("over", mark?.pair !== undefined);
    this.place = event && [event.clientX, event.clientY];
    if (["pair", "column", "level"].every((name) => mark?.[name] === this.hovered?.[name])) return;
    this.hovered = mark;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), RESTS);
  }

  rest() {
    this.levels.expect(this.hovered?.pair);
    this.levels.mark(this.hovered?.pair ?? null);
    this.tell();
  }

  /** The text beside the pointer. */
  tell() {
    const { tip } = this;
    tip.style.display = this.hovered ? "block" : "none";
    if (!this.hovered) return;
    const lines = describe(this.levels.say, this.levels.data, this.hovered).map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    });
    tip.replaceChildren(...lines);
    const { left, top, width, height } = this.levels.box.getBoundingClientRect();
    const [x, y] = [this.place[0] - left + 14, this.place[1] - top + 14];
    tip.style.left = `${Math.max(2, Math.min(x, width - tip.offsetWidth - 2))}px`;
    tip.style.top = `${y + tip.offsetHeight < height ? y : Math.max(2, y - tip.offsetHeight - 24)}px`;
  }

  dispose() {
    clearTimeout(this.resting);
  }
}
