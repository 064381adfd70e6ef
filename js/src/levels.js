// The front end of nablaviz.views.levels.Levels, an anywidget module: orbital energies of one or two
// Hamiltonians. It works as well without a kernel, with any `model` that can get, set and tell of changes.
import css from "./levels.css";
import { draw } from "./levels_draw.js";
import { frontier, HARTREE2EV, UNITS, whole, write } from "./levels_scale.js";
import { saveSvg, savePng } from "./levels_save.js";

const NARROWEST = 0.002; // Eh from bottom to top
const ZOOMS = { "+": 1 / 1.25, "=": 1 / 1.25, "-": 1.25 };
const LATER = 120; // ms until a choice is marked
const AHEAD = 400; // and until what may be chosen next is asked for
const RESTS = 50; // ms of the pointer on a level that is then likely to be clicked

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

class Levels {
  constructor(model, el) {
    this.model = model;
    this.unit = "Eh";
    this.hovered = null;
    this.found = { levels: [], links: [] };
    this.undo = [];
    this.build(el);
    const listen = (name, act) => {
      model.on(`change:${name}`, act);
      this.undo.push(() => model.off(`change:${name}`, act));
    };
    listen("levels", () => this.read());
    listen("selected", () => this.choose());
    listen("height", () => this.resize());
    this.resize();
    this.read();
  }

  build(el) {
    const box = (this.box = element("div", "nablaviz-levels", el));
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    box.setAttribute("aria-roledescription", "energy level diagram");
    element("style", "", box).textContent = css;
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.svg.setAttribute("aria-hidden", "true");
    box.append(this.svg);
    const bar = element("div", "nablaviz-levels-bar", box);
    const button = (text, title, act) => {
      const made = element("button", "", bar);
      made.type = "button";
      made.textContent = text;
      made.title = title;
      made.setAttribute("aria-label", title);
      made.addEventListener("click", act);
      return made;
    };
    button("fit", "Show the levels around HOMO and LUMO (double-click)", () => this.reset());
    this.unitButton = button("eV", "", () => this.setUnit(this.unit === "Eh" ? "eV" : "Eh"));
    button("SVG", "Save as SVG", () => saveSvg(this.svg, this.theme().paper));
    button("PNG", "Save as PNG", () => savePng(this.svg, this.theme().paper));
    this.tip = element("div", "nablaviz-levels-tip", box);
    this.said = element("div", "nablaviz-levels-said", box);
    this.said.setAttribute("aria-live", "polite");
    this.setUnit("Eh");

    const { svg } = this;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.release(event));
    svg.addEventListener("pointercancel", () => this.drop());
    svg.addEventListener("pointerleave", () => this.hover(null));
    svg.addEventListener("dblclick", () => this.reset());
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    box.addEventListener("keydown", (event) => this.key(event));

    const again = () => this.redraw();
    const sized = new ResizeObserver(again);
    sized.observe(box);
    const themed = new MutationObserver(again);
    themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    const preferred = window.matchMedia("(prefers-color-scheme: dark)");
    preferred.addEventListener("change", again);
    this.undo.push(() => sized.disconnect(), () => themed.disconnect(), () => preferred.removeEventListener("change", again));
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    for (const timer of [this.later, this.ahead, this.resting]) clearTimeout(timer);
    this.undo.forEach((each) => each());
    this.box.remove();
  }

  /** The levels have been replaced: the window stays where it is if it still shows the frontier. */
  read() {
    const before = this.data?.columns.map(({ occupied, energies }) => [occupied, energies.length]).join();
    const data = this.model.get("levels");
    this.data = data.columns?.length ? data : null;
    this.hover(null);
    if (!this.data) return this.redraw();
    const { columns, pairs } = this.data;
    this.order = [...pairs.keys()].sort((a, b) => pairs[a][0] - pairs[b][0]);
    this.box.setAttribute(
      "aria-label",
      `Orbital energies of ${columns.map(({ name }) => name).join(" and ")}. ` +
        "Arrow up and down step from level to level, Home is HOMO, End is LUMO.",
    );
    if (before !== columns.map(({ occupied, energies }) => [occupied, energies.length]).join()) this.reset();
    this.reveal();
    this.redraw();
  }

  // --- drawing ------------------------------------------------------------------------------

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    if (!width || !height) return; // drawn when it has a size
    if (!this.data) {
      this.svg.replaceChildren();
      return;
    }
    const [low, high] = this.window;
    const { unit, hovered } = this;
    const selected = this.model.get("selected");
    this.found = draw(this.svg, this.data, { width, height, low, high, unit, hovered, selected, ...this.theme() });
    this.box.dataset.drawn = selected ?? "";
  }

  theme() {
    const style = getComputedStyle(this.box);
    const [ink, faint, line, paper] = ["ink", "faint", "line", "paper"].map((name) => style.getPropertyValue(`--${name}`).trim());
    const light = document.body.dataset.jpThemeLight;
    const dark = light === undefined ? window.matchMedia("(prefers-color-scheme: dark)").matches : light === "false";
    return { ink, faint, line, paper, dark };
  }

  resize() {
    this.box.style.setProperty("--nablaviz-height", `${this.model.get("height")}px`);
  }

  setUnit(unit) {
    this.unit = unit;
    const other = unit === "Eh" ? "eV" : "Eh";
    this.unitButton.textContent = other;
    this.unitButton.title = `Show energies in ${other}`;
    this.unitButton.setAttribute("aria-label", this.unitButton.title);
    this.redraw();
  }

  // --- the part of the axis that is shown ------------------------------------------------------

  reset() {
    if (this.data) this.look(frontier(this.data.columns));
  }

  /** Shows `[low, high]`, or as much of it as there are levels in. */
  look([low, high]) {
    const [first, last] = whole(this.data.columns);
    const span = Math.min(Math.max(high - low, NARROWEST), last - first);
    const start = Math.min(Math.max((low + high - span) / 2, first), last - span);
    this.window = [start, start + span];
    this.redraw();
  }

  zoom(by, centre) {
    const [low, high] = this.window;
    this.look([centre + (low - centre) * by, centre + (high - centre) * by]);
  }

  energyAt(event) {
    const { top, bottom } = this.found;
    const y = event.clientY - this.svg.getBoundingClientRect().top;
    const [low, high] = this.window;
    return high - ((y - top) / (bottom - top)) * (high - low);
  }

  wheel(event) {
    // the page scrolls on over a diagram that nobody is working in
    if (!this.data || !(event.ctrlKey || this.box.contains(document.activeElement))) return;
    event.preventDefault();
    event.stopPropagation();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    this.zoom(Math.exp(Math.max(-1, Math.min(1, pixels * 0.002))), this.energyAt(event));
  }

  // --- pointing ------------------------------------------------------------------------------

  /** The level or link under the pointer. */
  at(event) {
    const { left, top } = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const near = (marks, distance) => {
      const all = marks.map((mark) => [distance(mark), mark]).filter(([d]) => d < 7);
      return all.sort(([a], [b]) => a - b)[0]?.[1];
    };
    const level = near(this.found.levels, (mark) =>
      Math.hypot(Math.max(mark.x0 - x, 0, x - mark.x1), mark.y - y),
    );
    return (
      level ??
      near(this.found.links, ({ x0, y0, x1, y1 }) => {
        if (x < x0 || x > x1) return Infinity;
        const slope = (y1 - y0) / (x1 - x0);
        return Math.abs(y - y0 - slope * (x - x0)) / Math.hypot(1, slope);
      })
    );
  }

  press(event) {
    if (event.button !== 0 || !this.data) return;
    this.box.focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    this.pressed = { y: event.clientY, window: this.window };
  }

  move(event) {
    if (!this.pressed) return this.hover(event);
    const moved = event.clientY - this.pressed.y;
    if (!this.dragged && Math.abs(moved) < 4) return;
    this.hover(null);
    this.dragged = true;
    this.box.classList.add("dragged");
    const [low, high] = this.pressed.window;
    const by = (moved / (this.found.bottom - this.found.top)) * (high - low);
    this.look([low + by, high + by]);
  }

  release(event) {
    if (this.pressed && !this.dragged) {
      const pair = this.at(event)?.pair;
      if (pair !== undefined) this.select(pair);
    }
    this.drop();
  }

  drop() {
    this.pressed = this.dragged = null;
    this.box.classList.remove("dragged");
  }

  hover(event) {
    const mark = event && this.at(event);
    this.box.classList.toggle("over", mark?.pair !== undefined);
    this.tip.style.display = mark ? "block" : "none";
    if (mark) {
      this.tip.replaceChildren();
      for (const line of this.describe(mark)) element("div", "", this.tip).textContent = line;
      const { left, top, width, height } = this.box.getBoundingClientRect();
      const { offsetWidth, offsetHeight } = this.tip;
      const [x, y] = [event.clientX - left + 14, event.clientY - top + 14];
      this.tip.style.left = `${Math.max(2, Math.min(x, width - offsetWidth - 2))}px`;
      this.tip.style.top = `${y + offsetHeight < height ? y : Math.max(2, y - offsetHeight - 24)}px`;
    }
    const pair = mark?.pair ?? null;
    if (pair === this.hovered) return;
    this.hovered = pair;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.expect(pair), RESTS);
    this.redraw();
  }

  /** A level, or a pair of them, in lines of text. */
  describe({ pair, column, level }) {
    const { columns, pairs } = this.data;
    const [i, j, overlap, difference] = pairs[pair] ?? [];
    const both = pair === undefined ? [[columns[column], level]] : [[columns[0], i], [columns[1], j]];
    const shown = both.filter(([each]) => each);
    const labels = shown.map(([each, at]) => each.labels[at]);
    const lines = [labels[0] === labels[1] ? labels[0] : labels.join(" ↔ ")];
    for (const [{ name, energies }, at] of shown)
      lines.push(`${name}: ${write(energies[at], UNITS.Eh[1])} Eh, ${write(energies[at] * HARTREE2EV, UNITS.eV[1])} eV`);
    if (pair === undefined && columns.length > 1) lines.push("not matched");
    if (shown.length > 1) lines.push(`Δε: ${write(difference * 1000, 2, true)} mEh`, `overlap: ${write(overlap, 3)}`);
    return lines;
  }

  // --- selecting -------------------------------------------------------------------------------

  select(pair) {
    if (pair === this.model.get("selected")) return;
    this.model.set("selected", pair);
    this.model.save_changes();
  }

  /** Brings the selected level into the window, and says it. */
  reveal() {
    const selected = this.model.get("selected");
    const pair = this.data?.pairs[selected];
    if (pair) {
      const energy = this.data.columns[0].energies[pair[0]];
      const [low, high] = this.window;
      const margin = 0.04 * (high - low);
      const by = Math.min(energy - margin - low, 0) + Math.max(energy + margin - high, 0);
      if (by) this.look([low + by, high + by]);
    }
    this.said.textContent = pair ? this.describe({ pair: selected }).join(", ") : "";
  }

  /** Marks the selected level when what the choice changes elsewhere has had its frame: without a graphics
   * card each frame of a page is dear. */
  choose() {
    this.reveal();
    clearTimeout(this.later);
    clearTimeout(this.ahead);
    this.later = setTimeout(() => this.redraw(), LATER);
    this.ahead = setTimeout(() => [1, -1].forEach((by) => this.expect(this.next(by))), AHEAD);
  }

  /** Tells the kernel of a pair that may be selected next, for it to be ready. */
  expect(pair) {
    if (this.data?.pairs[pair] && pair !== this.model.get("selected")) this.model.send({ kind: "ahead", pair });
  }

  /** The pair so many levels of the reference higher. */
  next(by) {
    const now = this.order?.indexOf(this.model.get("selected"));
    return now >= 0 ? this.order[now + by] : undefined;
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.data) return;
    const { pairs, columns } = this.data;
    const { occupied } = columns[0];
    const orbital = (wanted) => this.order.find((pair) => pairs[pair][0] === wanted);
    const step = (by) => (this.model.get("selected") === null ? orbital(occupied - 1) : this.next(by));
    const targets = {
      ArrowUp: () => step(1),
      ArrowDown: () => step(-1),
      Home: () => orbital(occupied - 1),
      End: () => orbital(occupied),
    };
    if (event.key in targets) {
      const pair = targets[event.key]();
      if (pair !== undefined) this.select(pair);
    } else if (event.key in ZOOMS) this.zoom(ZOOMS[event.key], (this.window[0] + this.window[1]) / 2);
    else if (event.target.tagName === "BUTTON" && ["Enter", " "].includes(event.key)) return event.stopPropagation();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for arrows
  }
}

export default {
  render({ model, el }) {
    const levels = new Levels(model, el);
    return () => levels.dispose();
  },
};
