// Draws the level diagram as an SVG that needs no style sheet, so that it can be saved as it is.
import { overlapColor, ticks, TONES, UNITS, write } from "./levels_scale.js";

const SVG = "http://www.w3.org/2000/svg";
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
const [AXIS, LABEL, TOP, BOTTOM] = [46, 66, 26, 26];
const APART = 4; // levels nearer than this many pixels stand side by side
const WEAK = 0.5; // matches of smaller overlap are dashed

function add(parent, tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/** Left and right end of each column, for a picture of some width. */
function columnsAt(width, count) {
  const [left, right] = [AXIS + LABEL, width - (count > 1 ? LABEL : 12)];
  const wide = Math.max(30, Math.min(150, (right - left) * (count > 1 ? 0.34 : 1)));
  return count > 1 ? [[left, left + wide], [right - wide, right]] : [[left, left + wide]];
}

/** Places of one column's levels, those too near to tell apart side by side: `{x0, x1, y}`. */
function place(energies, [x0, x1], toY) {
  const placed = [];
  const group = [];
  const close = () => {
    const step = (x1 - x0) / group.length;
    const gap = group.length > 1 ? Math.min(4, step / 4) : 0;
    group.forEach((level, i) => (placed[level] = { x0: x0 + i * step + gap / 2, x1: x0 + (i + 1) * step - gap / 2, y: toY(energies[level]) }));
    group.length = 0;
  };
  energies.forEach((energy, level) => {
    if (group.length && toY(energies[group[0]]) - toY(energy) > APART) close();
    group.push(level);
  });
  close();
  return placed;
}

/**
 * Draws into `svg`.
 * @param data `{columns: [{name, energies, labels, occupied}], pairs: [[i, j, overlap, difference]]}`
 * @param view `{width, height, low, high, unit, selected, hovered, dark, ink, faint, line}`: energies in
 *   Eh, pairs by number
 * @returns what can be pointed at: `{levels: [{column, level, pair, x0, x1, y}], links: [{pair, x0, y0, x1, y1}], top, bottom}`
 */
export function draw(svg, data, view) {
  const { width, height, low, high, dark } = view;
  const { columns, pairs } = data;
  const [top, bottom] = [TOP, height - BOTTOM];
  const toY = (energy) => bottom - ((energy - low) / (high - low)) * (bottom - top);
  const [factor] = UNITS[view.unit];
  const tones = TONES[dark ? "dark" : "light"];
  const ends = columnsAt(width, columns.length);
  const placed = columns.map(({ energies }, c) => place(energies, ends[c], toY));
  const inside = ({ y }) => y >= top - 1 && y <= bottom + 1;
  const partners = columns.map((_, c) => new Map(pairs.map((pair, number) => [pair[c], number])));
  const strong = new Set([view.selected, view.hovered]);
  const found = { levels: [], links: [], top, bottom };

  svg.replaceChildren();
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, "font-family": FONT, "font-size": 12 }))
    svg.setAttribute(name, value);
  const text = (x, y, written, more = {}) => add(svg, "text", { x, y, fill: view.ink, ...more }, written);

  // axis
  add(svg, "path", { d: `M${AXIS} ${top}V${bottom}`, stroke: view.line, fill: "none" });
  const { values, decimals } = ticks(low * factor, high * factor, (bottom - top) / 45);
  for (const value of values) {
    const y = toY(value / factor);
    add(svg, "path", { d: `M${AXIS - 4} ${y}H${AXIS}`, stroke: view.line });
    text(AXIS - 6, y + 4, write(value, decimals), { "text-anchor": "end", fill: view.faint, "font-size": 11 });
  }
  const middle = (top + bottom) / 2;
  text(11, middle, `ε (${view.unit})`, { "text-anchor": "middle", fill: view.faint, transform: `rotate(-90 11 ${middle})` });
  columns.forEach(({ name }, c) => {
    const most = Math.floor((ends[c][1] - ends[c][0] + 24) / 6.5);
    const shown = name.length > most ? `${name.slice(0, most - 1)}…` : name;
    text((ends[c][0] + ends[c][1]) / 2, 16, shown, { "text-anchor": "middle", "font-weight": 600 });
  });

  // an inner SVG cuts off what is outside the axis
  const inner = add(svg, "svg", { x: 0, y: top - 1, width, height: bottom - top + 2, viewBox: `0 ${top - 1} ${width} ${bottom - top + 2}` });
  if (columns.length > 1) {
    const order = [...pairs.keys()].filter((p) => !strong.has(p)).concat([...strong].filter((p) => pairs[p]));
    for (const number of order) {
      const [i, j, overlap] = pairs[number];
      const [from, to] = [placed[0][i], placed[1][j]];
      if (!inside(from) && !inside(to)) continue;
      const link = { pair: number, x0: ends[0][1] + 3, y0: from.y, x1: ends[1][0] - 3, y1: to.y };
      found.links.push(link);
      add(inner, "path", {
        class: "link", "data-pair": number, fill: "none",
        d: `M${link.x0} ${link.y0}L${link.x1} ${link.y1}`,
        stroke: overlapColor(overlap, dark),
        "stroke-width": strong.has(number) ? 3 : 1.5,
        ...(overlap < WEAK && { "stroke-dasharray": "5 3" }),
      });
    }
  }
  columns.forEach(({ energies, occupied }, c) => {
    gapArrow(inner, c, energies[occupied - 1], energies[occupied]);
    placed[c].forEach(({ x0, x1, y }, level) => {
      if (!inside({ y })) return;
      const pair = partners[c].get(level);
      found.levels.push({ column: c, level, pair, x0, x1, y });
      if (pair !== undefined && pair === view.selected)
        add(inner, "rect", { x: x0 - 1.5, y: y - 4.5, width: x1 - x0 + 3, height: 9, rx: 3, fill: "none", stroke: view.ink, "stroke-width": 1.3 });
      add(inner, "path", {
        class: "level", "data-column": c, "data-level": level,
        d: `M${x0} ${y}H${x1}`,
        stroke: tones[level < occupied ? 0 : 1],
        "stroke-width": pair !== undefined && pair === view.hovered ? 4 : 2.5,
        opacity: pair === undefined ? 0.35 : 1,
      });
    });
  });

  // beside the levels
  columns.forEach(({ labels, occupied }, c) => {
    const wanted = [view.hovered, view.selected].map((number) => pairs[number]?.[c]);
    const written = [];
    for (const level of [...wanted, occupied - 1, occupied]) {
      const y = placed[c][level]?.y;
      if (!(y >= top && y <= bottom) || written.some((other) => Math.abs(other - y) < 12)) continue;
      written.push(y);
      const bold = wanted.includes(level) ? { "font-weight": 600 } : {};
      const side = c === 0 ? [ends[0][0] - 5, "end"] : [ends[1][1] + 5, "start"];
      text(side[0], y + 4, labels[level], { "text-anchor": side[1], "font-size": 11, ...bold });
    }
  });
  legend();
  return found;

  function gapArrow(parent, c, homo, lumo) {
    const x = (ends[c][0] + ends[c][1]) / 2;
    const [from, to] = [toY(homo) - 6, toY(lumo) + 6];
    if (!(from - to > 40)) return; // also when there is no LUMO
    const head = (y, by) => `M${x - 3} ${y + by}L${x} ${y}L${x + 3} ${y + by}`;
    add(parent, "path", { d: `M${x} ${from}V${to}${head(to, 5)}${head(from, -5)}`, stroke: view.faint, fill: "none", opacity: 0.7 });
    const written = `${write((lumo - homo) * factor, UNITS[view.unit][1] - 1)} ${view.unit}`;
    const y = Math.min(Math.max((from + to) / 2, top + 10), bottom - 6);
    add(parent, "text", { x, y: y + 4, "text-anchor": "middle", "font-size": 11, fill: view.faint, stroke: view.paper, "stroke-width": 5, "paint-order": "stroke" }, written);
  }

  function legend() {
    const y = height - 9;
    let x = 8;
    for (const [tone, name] of [[tones[0], view.say("levels.occupied")], [tones[1], view.say("levels.virtual")]]) {
      add(svg, "path", { d: `M${x} ${y - 4}h14`, stroke: tone, "stroke-width": 2.5 });
      text(x + 18, y, name, { "font-size": 11, fill: view.faint });
      x += 26 + [...name].reduce((wide, letter) => wide + (letter > "\u2e80" ? 11 : 6.2), 0);
    }
    if (columns.length < 2) return;
    const [steps, wide] = [20, Math.min(70, width - x - 80)];
    if (wide < 20) return;
    const start = width - wide - 16;
    text(start - 6, y, `${view.say("levels.overlap_scale")} 0`, { "font-size": 11, fill: view.faint, "text-anchor": "end" });
    for (let i = 0; i < steps; i++)
      add(svg, "rect", { x: start + (i * wide) / steps, y: y - 8, width: wide / steps + 0.5, height: 8, fill: overlapColor((i + 0.5) / steps, dark) });
    text(width - 12, y, "1", { "font-size": 11, fill: view.faint });
  }
}
