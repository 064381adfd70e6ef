// Saves a drawn SVG as a file.

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** The SVG as a file of its own, on a background. */
function written(svg, paper) {
  const copy = svg.cloneNode(true);
  copy.style.background = paper; // not a shape: editors take it for the page
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

export function saveSvg(svg, paper) {
  download(written(svg, paper), "levels.svg");
}

/** Twice as fine as on the screen. */
export async function savePng(svg, paper) {
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  const url = URL.createObjectURL(written(svg, paper));
  try {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    const canvas = new OffscreenCanvas(2 * width, 2 * height);
    const context = canvas.getContext("2d");
    context.fillStyle = paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    download(await canvas.convertToBlob({ type: "image/png" }), "levels.png");
  } finally {
    URL.revokeObjectURL(url);
  }
}
