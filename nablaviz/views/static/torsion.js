// Curves along a torsion. The dihedral is chosen by dragging in them, by a slider, or by playing.
const SVG = "http://www.w3.org/2000/svg";
const [LEFT, RIGHT, TOP, BOTTOM, AXIS] = [54, 12, 8, 8, 18]; // px around the curves; the last for the degrees
const BAR = 40; // px of the slider below
const STEP = 5; // degrees from one played picture to the next
const PAUSE = [80, 140]; // ms between them at least, with a kernel and without
const PATIENCE = 3000; // ms to wait for a picture

const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#a89a00"];
const PALETTE_DARK = ["#4aa8dd", "#f07c33", "#20c997", "#e39ac2", "#f0b030", "#a6dcff", "#a8a8a8", "#d6c93a"];
const colours = (palette, where) => palette.map((c, i) => `${where} .c${i} { --c: ${c}; }`).join("\n");

const CSS = `
.nablaviz-torsion-chart {
  --ink: var(--jp-ui-font-color1, #212121); --faint: var(--jp-ui-font-color2, #616161);
  --line: var(--jp-border-color2, #e0e0e0); --paper: var(--jp-layout-color0, #fff);
  box-sizing: border-box; height: var(--height); overflow: hidden;
  color: var(--ink); background: var(--paper); user-select: none;
  font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums;
}
${colours(PALETTE, ".nablaviz-torsion-chart")}
${colours(PALETTE_DARK, "[data-jp-theme-light=false] .nablaviz-torsion-chart")}
@media (prefers-color-scheme: dark) {
  .nablaviz-torsion-chart { --ink: var(--jp-ui-font-color1, #e6e6e6); --faint: var(--jp-ui-font-color2, #a6a6a6);
    --line: var(--jp-border-color2, #444); --paper: var(--jp-layout-color0, #111); }
${colours(PALETTE_DARK, "body:not([data-jp-theme-light]) .nablaviz-torsion-chart")}
}
.nablaviz-torsion-chart .head { display: flex; gap: 0 12px; height: 20px; padding: 3px 10px 0; overflow: hidden; white-space: nowrap; }
.nablaviz-torsion-chart .head b { font-weight: 600; }
.nablaviz-torsion-chart .key::before { content: ""; display: inline-block; width: 14px; margin-right: 4px; vertical-align: middle;
  border-top: 2.5px solid var(--c); }
.nablaviz-torsion-chart .key.marks::before { width: 7px; height: 7px; border: 2px solid var(--c); border-radius: 50%; background: none; box-sizing: border-box; }
.nablaviz-torsion-chart svg { display: block; touch-action: pan-y; cursor: ew-resize; }
.nablaviz-torsion-chart .grid { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.nablaviz-torsion-chart text { fill: var(--faint); font-size: 11px; }
.nablaviz-torsion-chart .curve { fill: none; stroke: var(--c); stroke-width: 1.8; }
.nablaviz-torsion-chart .curve.thin { stroke-width: 1.2; opacity: 0.75; }
.nablaviz-torsion-chart .mark { fill: var(--paper); stroke: var(--c); stroke-width: 2; }
.nablaviz-torsion-chart .now { fill: var(--c); stroke: var(--paper); stroke-width: 1.5; }
.nablaviz-torsion-chart .cursor { stroke: var(--ink); stroke-width: 1.2; opacity: 0.8; }
.nablaviz-torsion-chart .bar { display: flex; align-items: center; gap: 8px; height: ${BAR}px; padding: 0 12px 0 10px; }
.nablaviz-torsion-chart button { all: unset; flex: none; display: grid; place-items: center; width: 30px; height: 26px; border-radius: 4px; cursor: pointer;
  border: 1px solid var(--line); box-sizing: border-box; }
.nablaviz-torsion-chart button:hover { background: color-mix(in srgb, currentColor 12%, transparent); }
.nablaviz-torsion-chart button:focus-visible { box-shadow: 0 0 0 2px var(--jp-brand-color1, #1976d2); }
.nablaviz-torsion-chart button path { fill: currentColor; }
.nablaviz-torsion-chart input[type=range] { flex: 1; min-width: 60px; margin: 0; accent-color: var(--jp-brand-color1, #1976d2); }
.nablaviz-torsion-chart .bar span { min-width: 10px; }
.nablaviz-torsion-chart input[type=number] { flex: none; width: 58px; padding: 2px 2px 2px 6px; font: inherit; color: inherit; text-align: right;
  background: transparent; border: 1px solid var(--line); border-radius: 4px; }
`;

const ICONS = { play: "M3 1.5v11l9-5.5Z", pause: "M2.5 1.5h3v11h-3ZM8.5 1.5h3v11h-3Z" };

function element(parent, tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

function shape(parent, tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

/** Round numbers within a range, about so many. */
function ticks([low, high], count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found.map((value) => [value, Math.abs(value).toFixed(decimals).replace(/^/, value < -1e-9 * step ? "−" : "")]);
}

/** Lowest and highest value of a chart's lines, and some room. */
function rangeOf({ lines }) {
  const values = lines.flatMap(({ y }) => y).filter((value) => value !== null);
  if (!values.length) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.06 * (high - low), 1e-3);
  return [low - room, high + room];
}

/** Where a line is between its points; null outside and in gaps. */
function between({ x, y }, at) {
  const k = x.findIndex((value) => value >= at);
  if (k < 0) return null;
  if (x[k] === at || k === 0) return x[k] === at ? y[k] : null;
  if (y[k] === null || y[k - 1] === null) return null;
  return y[k - 1] + ((y[k] - y[k - 1]) * (at - x[k - 1])) / (x[k] - x[k - 1]);
}

class Chart {
  constructor({ model, el }) {
    this.model = model;
    this.root = element(el, "div", "nablaviz-torsion-chart");
    element(this.root, "style", "", CSS);
    this.stack = element(this.root, "div");
    const bar = element(this.root, "div", "bar");
    this.button = element(bar, "button");
    this.button.type = "button";
    this.button.onclick = () => this.play(!this.playing);
    this.range = element(bar, "input");
    this.range.type = "range";
    this.number = element(bar, "input");
    this.number.type = "number";
    this.degrees = element(bar, "span");
    for (const input of [this.range, this.number]) input.setAttribute("aria-label", this.say("torsion_chart.dihedral"));
    this.range.oninput = () => this.choose(this.fromSlider(Number(this.range.value)));
    this.number.onchange = () => Number.isFinite(this.number.valueAsNumber) && this.choose(this.number.valueAsNumber);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.range.addEventListener("pointerdown", () => this.play(false));
    this.stack.addEventListener("pointerdown", (event) => this.grasp(event));
    this.plots = [];
    this.playing = false;
    this.undo = [];
    const listen = (name, act) => {
      model.on(`change:${name}`, act);
      this.undo.push(() => model.off(`change:${name}`, act));
    };
    listen("charts", () => this.draw());
    for (const name of ["height", "stops"]) listen(name, () => this.arrange());
    listen("angle", () => this.place());
    listen("shown", () => this.seen());
    const sized = new ResizeObserver(() => this.draw());
    sized.observe(this.root);
    this.undo.push(() => sized.disconnect());
    this.arrange();
    this.play(false);
  }

  say(key) {
    return this.model.get("words")[key];
  }

  dispose() {
    this.play(false);
    this.undo.forEach((each) => each());
    this.root.remove();
  }

  // --- choosing -----------------------------------------------------------------------------

  get stops() {
    return this.model.get("stops");
  }

  fromSlider(value) {
    return this.stops.length ? this.stops[value] : value;
  }

  nearest(angle) {
    const apart = (other) => Math.abs(((angle - other + 540) % 360) - 180);
    if (this.stops.length) return this.stops.reduce((best, stop) => (apart(stop) < apart(best) ? stop : best));
    return Math.min(180, Math.max(-180, Math.round(angle)));
  }

  choose(angle) {
    const chosen = this.nearest(angle);
    if (chosen === this.model.get("angle")) return this.place();
    this.model.set("angle", chosen);
    this.model.save_changes();
  }

  grasp(event) {
    const svg = event.target.closest("svg");
    if (!svg || event.button !== 0) return;
    this.play(false);
    const { left } = svg.getBoundingClientRect();
    const follow = ({ clientX }) => this.choose(this.scale.invert(clientX - left));
    const end = () => {
      svg.removeEventListener("pointermove", follow);
      svg.removeEventListener("pointerup", end);
      svg.removeEventListener("pointercancel", end);
    };
    svg.setPointerCapture(event.pointerId);
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", end);
    follow(event);
    this.range.focus({ preventScroll: true });
    event.preventDefault();
  }

  key(event) {
    event.stopPropagation(); // the notebook's own keys would move the cell
    if (event.target === this.range && event.key === " ") {
      this.play(!this.playing);
      event.preventDefault();
    }
    const by = { PageUp: 10, PageDown: -10 }[event.key];
    if (event.target === this.range && by && !this.stops.length) {
      this.choose(this.wrapped(this.model.get("angle") + by));
      event.preventDefault();
    }
  }

  wrapped(angle) {
    return ((((angle + 180) % 360) + 360) % 360) - 180;
  }

  // --- playing ------------------------------------------------------------------------------

  play(playing) {
    clearTimeout(this.timer);
    this.playing = playing;
    const name = playing ? "pause" : "play";
    const said = playing ? this.say("torsion_chart.pause") : this.say("torsion_chart.play");
    this.button.title = said;
    this.button.setAttribute("aria-label", said);
    this.button.innerHTML = `<svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
    if (playing) this.step();
  }

  step() {
    const { stops } = this;
    const angle = this.model.get("angle");
    const next = stops.length ? stops[(stops.indexOf(angle) + 1) % stops.length] : this.wrapped(angle + STEP);
    this.stepped = performance.now();
    this.choose(next);
    if (!stops.length) this.timer = setTimeout(() => this.step(), PATIENCE);
    else this.timer = setTimeout(() => this.step(), PAUSE[1]);
  }

  /** Something was drawn; the next step waits for that. */
  seen() {
    this.place();
    if (!this.playing || this.stops.length || this.model.get("shown") !== this.model.get("angle")) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.step(), Math.max(0, this.stepped + PAUSE[0] - performance.now()));
  }

  // --- drawing ------------------------------------------------------------------------------

  arrange() {
    const { stops } = this;
    this.root.style.setProperty("--height", `${this.model.get("height")}px`);
    Object.assign(this.range, stops.length ? { min: 0, max: stops.length - 1, step: 1 } : { min: -180, max: 180, step: 1 });
    Object.assign(this.number, { min: -180, max: 180, step: 1 });
    this.number.style.display = stops.length ? "none" : "";
    this.draw();
  }

  draw() {
    const width = this.root.clientWidth;
    if (!width) return; // drawn when it has a size
    const charts = this.model.get("charts");
    const span = width - LEFT - RIGHT;
    this.scale = (angle) => LEFT + ((angle + 180) / 360) * span;
    this.scale.invert = (at) => ((at - LEFT) / span) * 360 - 180;
    const free = this.model.get("height") - BAR - AXIS;
    this.stack.replaceChildren();
    this.plots = charts.map((chart, i) => {
      const last = i === charts.length - 1;
      return this.plot(chart, width, (free * chart.share) / charts.reduce((sum, { share }) => sum + share, 0) - 20, last);
    });
    this.root.dataset.points = Math.max(0, ...charts.flatMap(({ lines }) => lines.map(({ x }) => x.length)));
    this.place();
  }

  plot(chart, width, height, last) {
    const head = element(this.stack, "div", "head");
    element(head, "b", "", chart.title);
    for (const { name, color, marks } of chart.lines.filter(({ name }) => name)) element(head, "span", `key c${color} ${marks ? "marks" : ""}`, name);
    const svg = shape(this.stack, "svg", { width, height: height + (last ? AXIS : 0), role: "img", "aria-label": chart.words });
    const [low, high] = rangeOf(chart);
    const y = (value) => height - BOTTOM - ((value - low) / (high - low)) * (height - TOP - BOTTOM);
    for (const [value, text] of ticks([low, high], Math.max(2, height / 38))) {
      shape(svg, "line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) });
      shape(svg, "text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }).textContent = text;
    }
    for (let angle = -180; angle <= 180; angle += width < 420 ? 90 : 60) {
      shape(svg, "line", { class: "grid", x1: this.scale(angle), x2: this.scale(angle), y1: TOP, y2: height - BOTTOM });
      if (last) shape(svg, "text", { x: this.scale(angle), y: height + 8, "text-anchor": angle === 180 ? "end" : angle === -180 ? "start" : "middle" }).textContent = `${angle}°`.replace("-", "−");
    }
    const cursor = shape(svg, "line", { class: "cursor", y1: TOP, y2: height - BOTTOM });
    for (const { x, y: values, color, marks, thin } of chart.lines) {
      if (marks) {
        x.forEach((angle, i) => {
          if (values[i] !== null) shape(svg, "circle", { class: `mark c${color}`, cx: this.scale(angle), cy: y(values[i]), r: 3.6 });
        });
        continue;
      }
      let pen = "M";
      const path = x.map((angle, i) => {
        if (values[i] === null) return (pen = "M"), "";
        const piece = `${pen}${this.scale(angle).toFixed(1)} ${y(values[i]).toFixed(1)}`;
        pen = "L";
        return piece;
      });
      shape(svg, "path", { class: `curve c${color} ${thin ? "thin" : ""}`, d: path.join("") });
    }
    const dots = chart.lines.filter(({ marks }) => !marks).map((line) => [line, shape(svg, "circle", { class: `now c${line.color}`, r: line.thin ? 3 : 4 })]);
    return { cursor, dots, y };
  }

  /** Puts the cursor and the slider where the dihedral is. */
  place() {
    const angle = this.model.get("angle");
    const shown = this.model.get("shown") ?? angle;
    for (const { cursor, dots, y } of this.plots) {
      cursor.setAttribute("x1", this.scale(angle));
      cursor.setAttribute("x2", this.scale(angle));
      for (const [line, dot] of dots) {
        const value = between(line, shown);
        dot.style.display = value === null ? "none" : "";
        if (value === null) continue;
        dot.setAttribute("cx", this.scale(shown));
        dot.setAttribute("cy", y(value));
      }
    }
    this.range.value = this.stops.length ? this.stops.indexOf(this.nearest(angle)) : angle;
    const text = `${Math.round(angle)}°`.replace("-", "−");
    this.range.setAttribute("aria-valuetext", text);
    if (document.activeElement !== this.number) this.number.value = Math.round(angle);
    this.degrees.textContent = this.stops.length ? text : "°";
    Object.assign(this.root.dataset, { angle, shown });
  }
}

export default {
  render(context) {
    const chart = new Chart(context);
    return () => chart.dispose();
  },
};
