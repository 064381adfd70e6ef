// The front end of nablaviz.views.levels.Levels, an anywidget module: orbital energies of one or two
// Hamiltonians. It works as well without a kernel, with any `model` that can get, set and tell of changes.
import css from "./levels.css";
import { Axis } from "./levels_axis.js";
import { draw } from "./levels_draw.js";
import { Pointer } from "./levels_pointer.js";
import { saveSvg, savePng } from "./levels_save.js";
import { describe } from "./levels_words.js";
import { choose, ready } from "./shared.js";
import { speaker } from "./words.js";

const ZOOMS = { "+": 1 / 1.25, "=": 1 / 1.25, "-": 1.25 };
const LATER = 120; // ms until a choice is marked
const AHEAD = 400; // and until what may be chosen next is asked for,
const EVERY = 100; // one level after the other, as soon as the last is there
const PATIENCE = 20; // how often one that does not come is looked for
const REACH = 12; // levels on either side

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

class Levels {
  constructor(model, el) {
    this.model = model;
    this.say = speaker(model);
    this.unit = "Eh";
    this.marked = null; // a pair
    this.axis = new Axis(this);
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
    box.setAttribute("aria-roledescription", this.say("levels.role"));
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
    button(this.say("levels.fit"), this.say("levels.fit_does"), () => this.axis.reset());
    this.unitButton = button("eV", "", () => this.setUnit(this.unit === "Eh" ? "eV" : "Eh"));
    button("SVG", this.say("levels.svg"), () => saveSvg(this.svg, this.theme().paper));
    button("PNG", this.say("levels.png"), () => savePng(this.svg, this.theme().paper));
    this.pointer = new Pointer(this, element("div", "nablaviz-levels-tip", box));
    this.said = element("div", "nablaviz-levels-said", box);
    this.said.setAttribute("aria-live", "polite");
    this.setUnit("Eh");

    this.svg.addEventListener("dblclick", () => this.axis.reset());
    box.addEventListener("keydown", (event) => this.key(event));

    const busy = () => clearTimeout(this.ahead); // the kernel has other things to do
    document.addEventListener("pointerdown", busy, true);
    this.undo.push(() => document.removeEventListener("pointerdown", busy, true));
    this.size = [0, 0];
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
    for (const timer of [this.later, this.ahead]) clearTimeout(timer);
    this.pointer.dispose();
    this.undo.forEach((each) => each());
    this.box.remove();
  }

  /** The levels have been replaced: the window stays where it is if it still shows the frontier. */
  read() {
    const before = this.data?.columns.map(({ occupied, energies }) => [occupied, energies.length]).join();
    const data = this.model.get("levels");
    this.data = data.columns?.length ? data : null;
    this.asked = this.marked = null;
    this.pointer.hover(null);
    if (!this.data) return this.redraw();
    const { columns, pairs } = this.data;
    this.order = [...pairs.keys()].sort((a, b) => pairs[a][0] - pairs[b][0]);
    this.box.setAttribute(
      "aria-label",
      this.say("levels.label", { names: columns.map(({ name }) => name).join(this.say("levels.and")) }),
    );
    if (before !== columns.map(({ occupied, energies }) => [occupied, energies.length]).join()) this.axis.reset();
    this.reveal();
    this.redraw();
    this.prepareSoon();
  }

  // --- drawing ------------------------------------------------------------------------------

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    // JupyterLab hides the page for less than a frame to change its theme: then as large as it was
    const [width, height] = (this.size = this.box.clientWidth ? [this.box.clientWidth, this.box.clientHeight] : this.size);
    if (!width || !height) return; // drawn when it has a size
    if (!this.data) {
      this.svg.replaceChildren();
      return;
    }
    const [low, high] = this.axis.ends;
    const { unit, marked: hovered } = this;
    const selected = this.model.get("selected");
    this.found = draw(this.svg, this.data, { width, height, low, high, unit, hovered, selected, say: this.say, ...this.theme() });
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
    this.unitButton.title = this.say("levels.unit", { unit: other });
    this.unitButton.setAttribute("aria-label", this.unitButton.title);
    this.redraw();
  }

  // --- selecting -------------------------------------------------------------------------------

  select(pair) {
    if (pair === undefined || pair === this.model.get("selected")) return;
    this.expect(pair); // before it is chosen: the answer is shorter
    choose(this.model.get("camera_group"), pair);
    this.model.set("selected", pair);
    this.model.save_changes();
  }

  /** Brings the selected level into the window, and says it. */
  reveal() {
    const selected = this.model.get("selected");
    const pair = this.data?.pairs[selected];
    if (pair) this.axis.reveal(this.data.columns[0].energies[pair[0]]);
    this.said.textContent = pair ? describe(this.say, this.data, { pair: selected }).join(", ") : "";
  }

  /** Marks the selected level when what the choice changes elsewhere has had its frame: without a graphics
   * card each frame of a page is dear. */
  choose() {
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.reveal();
      this.redraw();
    }, LATER);
    this.prepareSoon();
  }

  prepareSoon() {
    clearTimeout(this.ahead);
    this.ahead = setTimeout(() => this.prepare(PATIENCE), AHEAD);
  }

  /** While nothing happens, asks for what may be chosen next: the levels in the window, the nearest first. */
  prepare(patience) {
    const group = this.model.get("camera_group");
    const pair = this.nearest().find((each) => !ready(group, each));
    if (pair === undefined || !patience) return;
    const left = pair === this.asked ? patience - 1 : PATIENCE;
    this.expect(pair);
    this.ahead = setTimeout(() => this.prepare(left), EVERY);
  }

  /** Pairs around the selected one, which is left out. */
  nearest() {
    const now = this.order?.indexOf(this.model.get("selected")) ?? -1;
    if (now < 0) return [];
    const [low, high] = this.axis.ends;
    const { columns, pairs } = this.data;
    const seen = (pair) => {
      const energy = columns[0].energies[pairs[pair][0]];
      return low <= energy && energy <= high;
    };
    const places = Array.from({ length: REACH }, (_, by) => [now + by + 1, now - by - 1]).flat();
    return places.map((place) => this.order[place]).filter((pair) => pair !== undefined && seen(pair));
  }

  /** Draws the level that the pointer rests on broader. */
  mark(pair) {
    if (pair === this.marked) return;
    this.marked = pair;
    this.redraw();
  }

  /** Tells the kernel of a pair that may be selected next, for it to be ready. */
  expect(pair) {
    const needless = [this.asked, this.model.get("selected")].includes(pair);
    if (needless || !this.data?.pairs[pair] || ready(this.model.get("camera_group"), pair)) return;
    this.asked = pair;
    this.model.send({ kind: "ahead", pair });
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
    } else if (event.key in ZOOMS) this.axis.zoom(ZOOMS[event.key]);
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
