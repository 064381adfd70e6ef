// One copy of 3Dmol.js and one WebGL context per page, however many viewers it holds.

import { page, views } from "./shared.js";

const { contexts } = page;

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

// All 3Dmol renderers of a page draw in one WebGL context, yet each keeps its own account of the
// context's state, its own copy of every shader and four screen-sized textures that each frame refills.
const OF_CONTEXT = [
  "_programs", "_programs_counter", "_currentProgram", "_currentGeometryGroupHash", "_geometryGroupCounter",
  "_enabledAttributes", "_oldDoubleSided", "_oldFlipSided", "_oldDepthTest", "_oldDepthWrite",
  "_oldPolygonOffset", "_oldLineWidth", "_fb", "_targetTexture", "_depthTexture", "_shadingTexture",
  "_scratchTexture", "_screenshader", "_AOshader", "_blurshader", "_vertexattribpos", "_aovertexattribpos",
  "_blurvertexattribpos", "_screenQuadVBO",
];

/** What the renderers of a context share. */
export function contextState(gl) {
  return contexts.get(gl);
}

/** Makes a renderer keep all that belongs to its context where the context's other renderers find it. */
function shareContext(renderer) {
  const gl = renderer.getContext();
  const state = contexts.get(gl) ?? {};
  for (const name of OF_CONTEXT) {
    // a later renderer has set the context back to its defaults, and has made nothing of its own there
    if (!contexts.has(gl) || /^_(current|enabled|old)/.test(name)) state[name] = renderer[name];
    Object.defineProperty(renderer, name, { get: () => state[name], set: (value) => (state[name] = value) });
  }
  renderer.setViewport = () => {
    const { width, height } = renderer.getCanvas();
    const sheet = gl.canvas;
    if (sheet.width !== width || sheet.height !== height) Object.assign(sheet, { width, height });
    gl.disable(gl.SCISSOR_TEST);
    gl.viewport(0, 0, width, height);
  };
  if (contexts.has(gl)) return;
  contexts.set(gl, state);
  // Straight to the canvas: 3Dmol's detour over a texture, to smooth edges and for effects that are not
  // used here, takes most of a frame's time where there is no graphics card.
  state._fb = null;
  gl.canvas.addEventListener("webglcontextlost", () => views.forEach((view) => view.redraw("context")));
  const kind = Object.getPrototypeOf(renderer);
  const make = (kind.makeFrameBuffer ??= kind.initFrameBuffer);
  kind.initFrameBuffer = function () {
    if (!contexts.has(this.getContext())) make.call(this);
  };
}

/**
 * A 3Dmol viewer in `element`, and a function that undoes all that making it did to the page:
 * 3Dmol itself never lets go of the body.
 */
export function createViewer($3Dmol, element) {
  const undo = [];
  const { body } = document;
  body.addEventListener = (...listener) => {
    EventTarget.prototype.addEventListener.apply(body, listener);
    undo.push(() => body.removeEventListener(...listener));
  };
  window.addEventListener = () => {}; // our own views know when they are resized or come into sight
  let viewer;
  try {
    // at double size unless the screen itself is that fine
    viewer = $3Dmol.createViewer(element, { upscale: true, antialias: window.devicePixelRatio >= 2 });
  } finally {
    delete body.addEventListener;
    delete window.addEventListener;
  }
  viewer.divwatcher?.disconnect();
  viewer.intwatcher?.disconnect();
  shareContext(viewer.getRenderer());
  const dispose = () => {
    undo.forEach((each) => each());
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.getCanvas().width = viewer.getCanvas().height = 0;
  };
  return [viewer, dispose];
}
