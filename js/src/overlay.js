// What lies over the 3D scene: labels, marks of picked atoms, text. A transparent 2D canvas, as sharp as
// the screen and never hidden by an atom, redrawn with each frame.
import { prettyUnit } from "./units.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

export class Overlay {
  constructor(parent) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "nablaviz-overlay";
    this.canvas.setAttribute("aria-hidden", "true");
    parent.append(this.canvas);
  }

  /**
   * Places are `{x, y, radius}` in CSS pixels.
   * @param labels `[[place, text]]`
   * @param marks places of the picked atoms, in order
   * @param measurement text drawn amid the marks
   * @param corner lines of text for the lower left corner
   * @param scales `{range, colors, unit}` of the painted surfaces, for the lower right corner
   * @param floor height to keep free at the lower edge
   * @param theme `{ink, paper, accent}`: CSS colours of text, background and marks
   */
  draw({ labels, marks, measurement, corner, scales, floor, theme }) {
    const { canvas } = this;
    // without a graphics card even an empty canvas costs time in each frame
    canvas.hidden = !(labels.length || marks.length || corner.length || scales.length);
    if (canvas.hidden) return;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.lineJoin = "round";
    context.textBaseline = "middle";
    const write = (text, x, y, font, align = "center") => {
      context.font = `${font} ${FONT}`;
      context.textAlign = align;
      context.strokeStyle = theme.paper;
      context.lineWidth = 3.5;
      const most = width - 16; // a longer text is drawn narrower
      context.strokeText(text, x, y, most); // a rim in the background's colour: readable over any atom
      context.fillStyle = theme.ink;
      context.fillText(text, x, y, most);
    };
    // twice, first wider in the background's colour, for the same reason
    const outline = (dash, trace) => {
      for (const [color, line] of [[theme.paper, 4.5], [theme.accent, 2.5]]) {
        context.setLineDash(color === theme.accent ? dash : []);
        context.strokeStyle = color;
        context.lineWidth = line;
        context.beginPath();
        trace();
        context.stroke();
      }
    };
    for (const [{ x, y }, text] of labels) write(text, x, y, "12px");
    if (measurement) outline([5, 4], () => marks.forEach(({ x, y }) => context.lineTo(x, y)));
    for (const { x, y, radius } of marks) outline([], () => context.arc(x, y, radius + 2.5, 0, 2 * Math.PI));
    if (measurement) {
      const mean = (axis) => marks.reduce((sum, mark) => sum + mark[axis], 0) / marks.length;
      write(measurement, mean("x"), mean("y") - 16, "600 14px");
    }
    corner.toReversed().forEach((text, i) => write(text, 8, height - floor - 12 - 18 * i, "12px", "left"));
    scales.forEach(({ range, colors, unit }, i) => {
      const [left, right, top] = [width - 128, width - 8, height - floor - 18 - 34 * i];
      const shade = context.createLinearGradient(left, 0, right, 0);
      colors.forEach((rgb, k) => shade.addColorStop(k / (colors.length - 1), `rgb(${rgb})`));
      context.fillStyle = shade;
      context.fillRect(left, top, right - left, 8);
      const [low, high] = range.map((end) => String(Number(end.toPrecision(3))));
      write(low, left, top - 8, "11px", "left");
      write(prettyUnit(unit), (left + right) / 2, top - 8, "11px");
      write(high, right, top - 8, "11px", "right");
    });
  }
}
