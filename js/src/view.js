// One displayed view of a Viewer: the 3D scene, its camera, picking and keys.
import { createViewer, views } from "./library.js";
import { Overlay } from "./overlay.js";
import { decode, drawArrows, drawMolecules, drawnRadius } from "./scene.js";
import css from "./style.css";
import { toolbar } from "./toolbar.js";

const CAMERA_Z = 150; // where 3Dmol's camera stands, Å
const HALF_ANGLE = Math.PI / 18; // half of 3Dmol's vertical field of view
const ACCENT = "#00b4d8";
const REPRESENTATIONS = ["ball-stick", "stick", "sphere", "line"];
const LABELS = ["none", "element", "index"];
const REDRAWN = ["tick", "scene", "representation", "labels", "picked", "measurement", "legend", "palette", "background"];
const STEPS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };

/** A vector turned by a unit quaternion x, y, z, w. */
function turned([x, y, z], [i, j, k, w]) {
  const [a, b, c] = [2 * (j * z - k * y), 2 * (k * x - i * z), 2 * (i * y - j * x)];
  return [x + w * a + j * c - k * b, y + w * b + k * a - i * c, z + w * c + i * b - j * a];
}

export class View {
  constructor(model, el, $3Dmol) {
    this.model = model;
    this.$3Dmol = $3Dmol;
    this.stale = new Set(REDRAWN);
    this.atoms = [];
    this.centre = [0, 0, 0];
    this.undo = [];
    this.build(el);
    const listen = (event, act) => {
      model.on(event, act);
      this.undo.push(() => model.off(event, act));
    };
    for (const name of REDRAWN) listen(`change:${name}`, () => this.redraw(name));
    listen("change:camera", () => this.cameraSet());
    listen("change:camera_group", () => this.joinGroup());
    listen("change:spin", () => this.spin());
    for (const name of ["width", "height"]) listen(`change:${name}`, () => this.layout());
    listen("msg:custom", (message) => message.kind === "picture" && this.sendPicture());
    views.add(this);
    this.layout();
    this.redraw("tick");
  }

  build(el) {
    const box = (this.box = document.createElement("div"));
    box.className = "nablaviz-viewer";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-roledescription", "3D molecule view");
    const sheet = document.createElement("style");
    sheet.textContent = css;
    this.stage = document.createElement("div");
    this.stage.className = "nablaviz-stage";
    this.said = document.createElement("div");
    this.said.className = "nablaviz-said";
    this.said.setAttribute("aria-live", "polite");
    box.append(sheet, this.stage);
    this.overlay = new Overlay(box);
    const cycle = (name, values) => () => {
      this.model.set(name, values[(values.indexOf(this.model.get(name)) + 1) % values.length]);
      this.model.save_changes();
    };
    const { bar, buttons } = toolbar({
      reset: ["Fit the view", () => this.fit()],
      style: ["Balls and sticks, sticks, spheres, lines", cycle("representation", REPRESENTATIONS)],
      labels: ["Labels: none, elements, numbers", cycle("labels", LABELS)],
      spin: ["Spin", cycle("spin", [false, true])],
      save: ["Save as PNG", () => this.savePicture()],
      full: ["Full screen", () => this.toggleFullscreen()],
    });
    this.buttons = buttons;
    box.append(bar, this.said);
    el.append(box);

    box.addEventListener("keydown", (event) => this.key(event));
    // the page scrolls on over a view that nobody is working in
    box.addEventListener("wheel", (event) => box.contains(document.activeElement) || event.stopPropagation(), true);
    this.stage.addEventListener("pointerdown", (event) => {
      this.pressed = [event.clientX, event.clientY, event.button];
      box.focus({ preventScroll: true });
    });
    this.stage.addEventListener("pointerup", (event) => this.click(event));
    this.stage.addEventListener("pointermove", (event) => this.hover(event));

    const sized = new ResizeObserver(() => this.resized());
    sized.observe(box);
    const themed = new MutationObserver(() => this.redraw("background"));
    themed.observe(document.body, { attributes: true });
    this.undo.push(() => sized.disconnect(), () => themed.disconnect());
  }

  dispose() {
    views.delete(this);
    cancelAnimationFrame(this.frame);
    clearTimeout(this.saving);
    this.undo.forEach((each) => each());
    this.disposeViewer?.();
    this.box.remove();
  }

  // --- drawing ------------------------------------------------------------------------------

  /** Marks what changed and draws all of it at the next frame, once. */
  redraw(name) {
    this.stale.add(name);
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  layout() {
    this.box.style.width = this.model.get("width");
    this.box.style.height = this.model.get("height");
  }

  resized() {
    if (!this.stage.clientWidth || !this.stage.clientHeight) return;
    this.redraw("size");
  }

  paint() {
    const get = (name) => this.model.get(name);
    if (!this.stage.clientWidth || !this.stage.clientHeight) return; // drawn when it has a size
    if (!this.viewer || this.viewer.getRenderer().isLost()) this.start();
    const changed = (...names) => names.some((name) => this.stale.has(name));
    const tick = get("tick");
    const scene = get("scene");
    if (changed("size")) this.viewer.resize();
    if (changed("background")) this.paintBackground();
    if (changed("scene")) {
      const camera = this.fitted && this.getCamera();
      this.molecules = decode(scene);
      this.centre = scene.centre ?? [0, 0, 0];
      if (camera) this.applyCamera(camera);
      this.box.setAttribute("aria-label", `3D view of ${scene.formula ?? "nothing"}. Arrow keys step, Escape unpicks.`);
    }
    const sceneChanged = changed("scene", "representation", "palette");
    if (sceneChanged) {
      this.atoms = drawMolecules(this.viewer, this.molecules, scene.active, {
        style: get("representation"),
        colors: scene.colors ?? [],
        palette: get("palette"),
      });
      drawArrows(this.viewer, this.atoms, scene.arrows);
      const [x, y, z] = this.centre;
      const atoms = this.molecules.flatMap((molecule) => molecule.atoms);
      const far = atoms.map((atom) => Math.hypot(atom.x - x, atom.y - y, atom.z - z));
      this.radius = Math.max(0, ...far) + this.margin();
    }
    if (changed("measurement", "picked")) this.said.textContent = this.spoken();
    this.stale.clear();
    if (this.molecules.length && !this.fitted) this.cameraFirst();
    this.deepen();
    this.viewer.render();
    this.write();
    requestAnimationFrame(() => {
      this.box.dataset.ready = tick;
      if (get("ready") === tick) return;
      this.model.set("ready", tick);
      this.model.save_changes();
    });
  }

  /** Makes the 3Dmol viewer, anew where the browser has taken the WebGL context away. */
  start() {
    const camera = this.fitted && this.getCamera();
    this.disposeViewer?.();
    this.stage.replaceChildren();
    [this.viewer, this.disposeViewer] = createViewer(this.$3Dmol, this.stage, { antialias: true });
    this.stale = new Set(REDRAWN);
    if (camera) this.applyCamera(camera);
    this.viewer.setViewChangeCallback(() => this.turned());
    this.spin();
  }

  paintBackground() {
    this.box.style.background = "";
    this.box.style.background = this.model.get("background");
    // drawn on a pixel, as computed colours come in many notations
    const pixel = new OffscreenCanvas(1, 1).getContext("2d");
    pixel.fillStyle = getComputedStyle(this.box).backgroundColor;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b] = pixel.getImageData(0, 0, 1, 1).data;
    const dark = 0.3 * r + 0.6 * g + 0.1 * b < 128;
    this.theme = { ink: dark ? "#f2f2f2" : "#1b1f24", paper: `rgb(${r},${g},${b})`, accent: ACCENT };
    const color = (r << 16) | (g << 8) | b;
    if (color !== this.viewer.bgColor) this.viewer.setBackgroundColor(color, 1);
  }

  /** Where the atoms of the active molecule are on the screen: `{x, y, radius}`, CSS pixels. */
  places() {
    const [x, y, z, distance, ...turn] = this.getCamera();
    const { centre } = this;
    const { clientWidth, clientHeight } = this.stage;
    return (atom) => {
      const at = turned([atom.x - centre[0] - x, atom.y - centre[1] - y, atom.z - centre[2] - z], turn);
      const scale = clientHeight / (2 * Math.tan(HALF_ANGLE) * (distance - at[2]));
      return {
        x: clientWidth / 2 + at[0] * scale,
        y: clientHeight / 2 - at[1] * scale,
        radius: drawnRadius(this.$3Dmol, atom) * scale,
      };
    };
  }

  /** Labels, marks and texts over the frame that 3Dmol just drew. */
  write() {
    const get = (name) => this.model.get(name);
    const place = this.places();
    const named = { none: () => null, element: (atom) => atom.elem, index: (atom) => String(atom.index) };
    const name = named[get("labels")];
    const measurement = get("measurement");
    this.overlay.draw({
      labels: this.atoms.filter(name).map((atom) => [place(atom), name(atom)]),
      marks: get("picked").filter((index) => this.atoms[index]).map((index) => place(this.atoms[index])),
      measurement,
      corner: [this.spoken(), get("legend")].filter(Boolean),
      theme: this.theme,
    });
  }

  /** The picked atoms and their measurement in words. */
  spoken() {
    const names = this.model.get("picked").map((index) => `${this.atoms[index]?.elem ?? "?"}${index}`);
    return [names.join(" – "), this.model.get("measurement")].filter(Boolean).join("   ");
  }

  // --- camera -------------------------------------------------------------------------------

  /** The camera as the trait has it: offset from the centre, distance, rotation. */
  getCamera() {
    const [x, y, z, zoom, ...turn] = this.viewer.getView();
    const { centre } = this;
    return [-x - centre[0], -y - centre[1], -z - centre[2], CAMERA_Z - zoom, ...turn];
  }

  applyCamera([x, y, z, distance, ...turn]) {
    const { centre } = this;
    this.fitted = true;
    this.quiet = true;
    this.viewer.setView([-x - centre[0], -y - centre[1], -z - centre[2], CAMERA_Z - distance, ...turn]);
    this.quiet = false;
    this.write();
  }

  /** Lets what lies behind fade a little into the background. */
  deepen() {
    const [x, y, z] = this.getCamera();
    const depth = this.radius + Math.hypot(x, y, z);
    // 3Dmol's fog begins 0.4 of the way from the near to the far plane: here a little before the centre
    this.viewer.setSlab(-1.8 * depth, 2.2 * depth);
  }

  /** At the first frame: the model's camera, that of the group, or one that fits. */
  cameraFirst() {
    const camera = this.model.get("camera");
    const peer = this.peers().find((view) => view.fitted);
    if (camera.length) this.applyCamera(camera);
    else if (peer) this.applyCamera(peer.getCamera());
    else this.fit();
  }

  /** Kept free around the outermost atoms, Å. */
  margin() {
    return this.model.get("representation") === "sphere" ? 2.2 : 1.2;
  }

  fit() {
    const { centre } = this;
    const { facing } = this.model.get("scene");
    const margin = this.margin();
    // what the view must hold as it is turned now, and most of it however it is turned
    const rise = Math.tan(HALF_ANGLE);
    const run = (rise * this.stage.clientWidth) / this.stage.clientHeight;
    let seen = 0;
    for (const { atoms } of this.molecules) {
      for (const atom of atoms) {
        const from = [atom.x - centre[0], atom.y - centre[1], atom.z - centre[2]];
        const [x, y, z] = turned(from, facing);
        seen = Math.max(seen, z + (Math.abs(x) + margin) / run, z + (Math.abs(y) + margin) / rise);
      }
    }
    const distance = Math.min(Math.max(seen, (0.65 * this.radius) / Math.min(run, rise)), CAMERA_Z - 1);
    this.applyCamera([0, 0, 0, distance, ...facing]);
    this.cameraMoved();
  }

  turned() {
    if (this.quiet || !this.fitted || this.frame) return;
    this.deepen();
    this.write();
    this.cameraMoved();
  }

  /** Tells the views of the group at once, and the kernel when the hand rests. */
  cameraMoved() {
    const camera = this.getCamera();
    for (const view of this.peers()) if (view.fitted) view.applyCamera(camera);
    clearTimeout(this.saving);
    this.saving = setTimeout(() => {
      for (const view of [this, ...this.peers()]) view.saveCamera();
    }, 150);
  }

  saveCamera() {
    if (!this.fitted || this.model.get("spin")) return;
    const camera = this.getCamera();
    const known = this.model.get("camera");
    if (known.length && camera.every((value, i) => Math.abs(value - known[i]) < 1e-6)) return;
    this.model.set("camera", camera);
    this.model.save_changes();
  }

  cameraSet() {
    const camera = this.model.get("camera");
    if (!this.fitted || !this.viewer) return;
    if (!camera.length) {
      this.fitted = false;
      this.redraw("camera");
    } else if (this.getCamera().some((value, i) => Math.abs(value - camera[i]) > 1e-6)) {
      this.applyCamera(camera);
      this.cameraMoved();
    }
  }

  peers() {
    const group = this.model.get("camera_group");
    return [...views].filter((view) => view !== this && group && view.model.get("camera_group") === group);
  }

  joinGroup() {
    const peer = this.peers().find((view) => view.fitted);
    if (peer && this.fitted) this.applyCamera(peer.getCamera());
  }

  spin() {
    const on = this.model.get("spin");
    this.buttons.spin.setAttribute("aria-pressed", on);
    if (!this.viewer) return;
    if (on) this.viewer.spin("vy", 0.6, true);
    else {
      this.viewer.spin(false);
      this.saveCamera();
    }
  }

  // --- picking and keys ---------------------------------------------------------------------

  atomAt(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    const x = (2 * (event.clientX - left)) / width - 1;
    const y = 1 - (2 * (event.clientY - top)) / height;
    const hit = this.viewer?.targetedObjects(x, y, this.atoms)[0];
    return hit ? hit.clickable.index : -1;
  }

  click(event) {
    const [x, y, button] = this.pressed ?? [];
    this.pressed = null;
    if (button !== 0 || Math.hypot(event.clientX - x, event.clientY - y) > 4) return;
    const atom = this.atomAt(event);
    const picked = this.model.get("picked");
    if (atom < 0) this.pick([]);
    else if (picked.includes(atom)) this.pick(picked.filter((each) => each !== atom));
    else this.pick(picked.length < 4 ? [...picked, atom] : [atom]);
  }

  pick(atoms) {
    this.model.set("picked", atoms);
    this.model.save_changes();
  }

  hover(event) {
    if (!this.viewer || event.buttons) return;
    this.stage.classList.toggle("over", this.atomAt(event) >= 0);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in STEPS) this.model.send({ kind: "step", by: STEPS[event.key] });
    else if (event.key === "Escape") this.pick([]);
    else if (!(event.target.tagName === "BUTTON" && ["Enter", " "].includes(event.key))) return;
    else return event.stopPropagation(); // the notebook has its own use for Enter
    event.preventDefault();
    event.stopPropagation();
  }

  // --- pictures -----------------------------------------------------------------------------

  async picture() {
    if (this.stale.size || this.frame) this.paint();
    this.viewer.render();
    const drawn = this.viewer.getCanvas();
    const sheet = new OffscreenCanvas(drawn.width, drawn.height);
    const context = sheet.getContext("2d");
    context.drawImage(drawn, 0, 0);
    context.drawImage(this.overlay.canvas, 0, 0, drawn.width, drawn.height);
    return sheet.convertToBlob({ type: "image/png" });
  }

  async sendPicture() {
    if (!this.viewer) return;
    const bytes = await (await this.picture()).arrayBuffer();
    this.model.send({ kind: "picture" }, undefined, [bytes]);
  }

  async savePicture() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await this.picture());
    link.download = "molecule.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.box.requestFullscreen();
  }
}
