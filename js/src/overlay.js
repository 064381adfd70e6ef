// Text over the scene: a transparent 2D canvas, as sharp as the screen, redrawn with each frame.

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

export class Overlay {
  constructor(parent) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "nablaviz-overlay";
    this.canvas.setAttribute("aria-hidden", "true");
    parent.append(this.canvas);
  }

  /**
   * @param items `{text, x, y, size, strong}`, the middle of the text in CSS pixels
   * @param corner lines of text for the lower left corner
   * @param theme `{ink, paper, accent}` CSS colours
   */
  draw(width, height, items, corner, theme) {
    const ratio = window.devicePixelRatio || 1;
    const canvas = this.canvas;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.lineJoin = "round";
    context.textBaseline = "middle";
    const write = (text, x, y, size, strong, align) => {
      context.font = `${strong ? 600 : 400} ${size}px ${FONT}`;
      context.textAlign = align;
      context.strokeStyle = theme.paper;
      context.lineWidth = size / 3.5;
      context.strokeText(text, x, y); // a rim in the background's colour: readable over any atom
      context.fillStyle = theme.ink;
      context.fillText(text, x, y);
    };
    for (const { text, x, y, size = 12, strong = false } of items) write(text, x, y, size, strong, "center");
    corner.toReversed().forEach((text, i) => write(text, 10, height - 14 - 18 * i, 12, false, "left"));
  }
}
