// One displayed view of a Viewer: the 3D scene, picking and keys.
import { Camera } from "./camera.js";
import { Isovalue } from "./isovalue.js";
import { createViewer, views } from "./library.js";
import { Overlay } from "./overlay.js";
import { Painter } from "./painter.js";
import { Pace } from "./pace.js";
import { savePicture, sendPicture } from "./pictures.js";
import { decode, drawArrows, drawMolecules, drawnRadius } from "./scene.js";
import css from "./style.css";
import { buildGeometry, decodeSurfaces, outline } from "./surfaces.js";
import { themeOf } from "./theme.js";
import { toolbar } from "./toolbar.js";
import { complete, keep } from "./volumes.js";

const REPRESENTATIONS = ["ball-stick", "stick", "sphere", "line"];
const LABELS = ["none", "element", "index"];
const REDRAWN = [
  "tick", "scene", "surfaces", "representation", "labels", "picked", "measurement", "legend", "palette", "background",
];
const STEPS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };
const TURNS = { ArrowUp: [-10, "vx"], ArrowLeft: [-10, "vy"], ArrowDown: [10, "vx"], ArrowRight: [10, "vy"] };
const NUDGES = { "[": -1, "]": 1 };
const ZOOMS = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 };

export class View {
  constructor(model, el, $3Dmol) {
    this.model = model;
    this.$3Dmol = $3Dmol;
    this.stale = new Set(REDRAWN);
    this.atoms = [];
    this.molecules = [];
    this.surfaces = [];
    this.undo = [];
    this.camera = new Camera(this);
    this.pace = new Pace(this);
    this.build(el);
    const listen = (event, act) => {
      model.on(event, act);
      this.undo.push(() => model.off(event, act));
    };
    for (const name of REDRAWN) listen(`change:${name}`, () => this.redraw(name));
    listen("change:camera", () => this.camera.set());
    listen("change:camera_group", () => this.camera.join());
    listen("change:spin", () => this.spin());
    listen("change:isovalue", () => this.isovalue.set());
    listen("change:isovalue_range", () => this.isovalue.write());
    for (const name of ["width", "height"]) listen(`change:${name}`, () => this.layout());
    listen("msg:custom", ({ kind, name }, buffers) => {
      if (kind === "picture") sendPicture(this);
      else if (kind === "volume") keep(name, buffers[0]);
    });
    views.add(this);
    this.layout();
    this.spin();
    this.redraw("tick");
  }

  build(el) {
    this.host = el;
    el.classList.add("nablaviz-host");
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
      reset: ["Fit the view", () => this.camera.fit()],
      style: ["Balls and sticks, sticks, spheres, lines", cycle("representation", REPRESENTATIONS)],
      labels: ["Labels: none, elements, numbers", cycle("labels", LABELS)],
      spin: ["Spin", cycle("spin", [false, true])],
      save: ["Save as PNG", () => savePicture(this)],
      full: ["Full screen", () => this.toggleFullscreen()],
    });
    this.buttons = buttons;
    box.append(bar, this.said);
    this.isovalue = new Isovalue(this, box);
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
    const themed = new MutationObserver(() => {
      if (getComputedStyle(box).backgroundColor !== this.paper) this.redraw("background");
    });
    themed.observe(document.body, { attributes: true });
    this.undo.push(() => sized.disconnect(), () => themed.disconnect());
  }

  dispose() {
    views.delete(this);
    cancelAnimationFrame(this.frame);
    this.camera.dispose();
    this.isovalue.dispose();
    this.pace.dispose();
    this.undo.forEach((each) => each());
    this.painter?.dispose();
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
    // as variables, for a widget's own layout trait to go before them
    for (const name of ["width", "height"]) this.host.style.setProperty(`--nablaviz-${name}`, this.model.get(name));
  }

  resized() {
    if (!this.stage.clientWidth || !this.stage.clientHeight) return;
    this.redraw("size");
  }

  paint() {
    if (!this.stage.clientWidth || !this.stage.clientHeight) return; // drawn when it has a size
    const tick = this.model.get("tick");
    this.camera.hold(() => this.draw());
    if (this.waiting) return;
    requestAnimationFrame(() => {
      this.box.dataset.ready = tick;
      if (this.model.get("ready") === tick) return;
      this.model.set("ready", tick);
      this.model.save_changes();
    });
  }

  /** Draws now what would be drawn at the next frame. */
  finish() {
    this.pace.settle();
    if (this.stale.size || this.frame) this.paint();
  }

  draw() {
    const get = (name) => this.model.get(name);
    const changed = (...names) => names.some((name) => this.stale.has(name));
    if (!this.viewer || this.viewer.getRenderer().isLost()) this.start();
    const scene = get("scene");
    const resized = changed("size");
    if (changed("surfaces", "isovalue")) this.pace.changed();
    if (changed("size", "pace")) this.viewer.resize();
    if (changed("background")) this.paintBackground();
    if (changed("scene")) {
      this.molecules = decode(scene);
      this.box.setAttribute("aria-label", `3D view of ${scene.formula ?? "nothing"}. Arrow keys step, Escape unpicks.`);
    }
    if (changed("scene", "representation", "palette")) {
      this.atoms = drawMolecules(this.viewer, this.molecules, scene.active, {
        style: get("representation"),
        colors: scene.colors ?? [],
        palette: get("palette"),
      });
      drawArrows(this.viewer, this.atoms, scene.arrows);
      this.camera.follow(scene);
    }
    if (changed("surfaces")) {
      const surfaces = complete(get("surfaces"));
      this.waiting = !surfaces; // what is drawn stays until they come
      if (surfaces) this.surfaces = decodeSurfaces(surfaces);
      else this.model.send({ kind: "volumes" });
      this.isovalue.fit(this.surfaces);
    }
    if (changed("surfaces", "isovalue", "detail")) {
      this.pace.build((rough) => {
        const geometry = buildGeometry(this.surfaces, this.isovalue.value, rough);
        this.painter.show(geometry);
        this.camera.surround(outline(geometry));
      });
    }
    if (changed("measurement", "picked")) this.said.textContent = this.spoken();
    this.stale.clear();
    this.camera.aim(resized);
    this.viewer.render();
    this.write();
  }

  /** Makes the 3Dmol viewer, anew where the browser has taken the WebGL context away. */
  start() {
    const restore = this.camera.keep();
    this.painter?.dispose();
    this.disposeViewer?.();
    this.stage.replaceChildren();
    [this.viewer, this.disposeViewer] = createViewer(this.$3Dmol, this.stage);
    this.painter = new Painter(this.viewer);
    this.stale = new Set(REDRAWN);
    restore();
    this.viewer.setViewChangeCallback(() => this.camera.turned());
  }

  paintBackground() {
    this.box.style.background = "";
    this.box.style.background = this.model.get("background");
    this.paper = getComputedStyle(this.box).backgroundColor;
    this.theme = themeOf(this.box);
    const color = this.theme.number;
    if (color !== this.viewer.bgColor) this.viewer.setBackgroundColor(color, 1);
  }

  /** Labels, marks and texts over the frame that 3Dmol just drew. */
  write() {
    const get = (name) => this.model.get(name);
    const place = this.camera.places((atom) => drawnRadius(this.$3Dmol, atom));
    const named = { none: () => null, element: (atom) => atom.elem, index: (atom) => String(atom.index) };
    const name = named[get("labels")];
    const measurement = get("measurement");
    this.overlay.draw({
      labels: this.atoms.filter(name).map((atom) => [place(atom), name(atom)]),
      marks: get("picked").filter((index) => this.atoms[index]).map((index) => place(this.atoms[index])),
      measurement,
      corner: [this.spoken(), get("legend")].filter(Boolean),
      scales: this.surfaces.filter((surface) => surface.painted).map(({ painted }) => painted),
      floor: this.isovalue.bar.offsetHeight,
      theme: this.theme,
    });
  }

  /** The picked atoms and their measurement in words. */
  spoken() {
    const names = this.model.get("picked").map((index) => `${this.atoms[index]?.elem ?? "?"}${index}`);
    return [names.join(" – "), this.model.get("measurement")].filter(Boolean).join("   ");
  }

  spin() {
    this.buttons.spin.setAttribute("aria-pressed", this.model.get("spin"));
    this.camera.spin();
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
    const atom = this.atomAt(event);
    this.stage.classList.toggle("over", atom >= 0);
    this.stage.title = atom >= 0 ? `${this.atoms[atom].elem}${atom}` : "";
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.shiftKey && event.key in TURNS) this.viewer?.rotate(...TURNS[event.key]);
    else if (event.key in ZOOMS) this.viewer?.zoom(ZOOMS[event.key]);
    else if (event.key in NUDGES) this.isovalue.nudge(NUDGES[event.key]);
    else if (event.target.type === "range") return event.stopPropagation(); // its own keys move it
    else if (event.key in STEPS) this.model.send({ kind: "step", by: STEPS[event.key] });
    else if (event.key === "Escape") this.pick([]);
    else if (!(event.target.tagName === "BUTTON" && ["Enter", " "].includes(event.key))) return;
    else return event.stopPropagation(); // the notebook has its own use for Enter
    event.preventDefault();
    event.stopPropagation();
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.box.requestFullscreen();
  }
}
