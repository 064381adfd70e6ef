// Pictures of a view as PNG files.

async function takePicture(view) {
  view.finish();
  view.viewer.render();
  const drawn = view.viewer.getCanvas();
  const sheet = new OffscreenCanvas(drawn.width, drawn.height);
  const context = sheet.getContext("2d");
  context.drawImage(drawn, 0, 0);
  const over = view.overlay.canvas;
  if (!over.hidden) context.drawImage(over, 0, 0, drawn.width, drawn.height);
  return sheet.convertToBlob({ type: "image/png" });
}

/** To the kernel. */
export async function sendPicture(view) {
  if (!view.viewer) return;
  const bytes = await (await takePicture(view)).arrayBuffer();
  view.model.send({ kind: "picture" }, undefined, [bytes]);
}

/** To a file of the user's. */
export async function savePicture(view) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await takePicture(view));
  link.download = "molecule.png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
