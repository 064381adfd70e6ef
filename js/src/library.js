// One copy of 3Dmol.js and one WebGL context per page, however many viewers it holds.

const page = (globalThis.__nablaviz ??= { library: null, views: new Set() });

/** All living views of the page. */
export const views = page.views;

/** The 3Dmol module, unpacked from the library model when the first viewer of the page asks. */
export function load3Dmol(model) {
  page.library ??= unpack(model).catch((error) => {
    page.library = null;
    throw error;
  });
  return page.library;
}

async function unpack(model) {
  const library = await model.widget_manager.get_model(model.get("library").replace("IPY_MODEL_", ""));
  const packed = new Blob([library.get("source")]).stream();
  const script = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
  // As a CommonJS module it leaves the page's globals alone, a py3Dmol's own copy among them.
  const before = Object.getOwnPropertyDescriptor(globalThis, "$3Dmol");
  const module = `const exports = {}, module = { exports };\n${script}\nexport default module.exports;`;
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
    if (before) Object.defineProperty(globalThis, "$3Dmol", before);
  }
}

/**
 * A 3Dmol viewer in `element`, and a function that undoes all that making it did to the page:
 * 3Dmol itself never lets go of the body and the window.
 */
export function createViewer($3Dmol, element, options) {
  const undo = [];
  const targets = [document.body, window];
  for (const target of targets) {
    target.addEventListener = (...listener) => {
      EventTarget.prototype.addEventListener.apply(target, listener);
      undo.push(() => target.removeEventListener(...listener));
    };
  }
  let viewer;
  try {
    viewer = $3Dmol.createViewer(element, options);
  } finally {
    for (const target of targets) delete target.addEventListener;
  }
  const dispose = () => {
    undo.forEach((each) => each());
    viewer.spin(false);
    viewer.divwatcher?.disconnect();
    viewer.intwatcher?.disconnect();
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.getCanvas().width = viewer.getCanvas().height = 0;
  };
  return [viewer, dispose];
}
