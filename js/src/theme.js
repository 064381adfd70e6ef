// The colours that a view takes from its page.

const ACCENT = "#00b4d8";

/** CSS colours of text, background and marks for the background of `box`, and that as a number. */
export function themeOf(box) {
  // drawn on a pixel, as computed colours come in many notations
  const pixel = new OffscreenCanvas(1, 1).getContext("2d");
  pixel.fillStyle = getComputedStyle(box).backgroundColor;
  pixel.fillRect(0, 0, 1, 1);
  const [r, g, b] = pixel.getImageData(0, 0, 1, 1).data;
  const dark = 0.3 * r + 0.6 * g + 0.1 * b < 128;
  return { ink: dark ? "#f2f2f2" : "#1b1f24", paper: `rgb(${r},${g},${b})`, accent: ACCENT, number: (r << 16) | (g << 8) | b };
}
