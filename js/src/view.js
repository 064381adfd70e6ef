// One displayed view of a Viewer: what is drawn of its model, and when.
import { Camera } from "./camera.js";
import { Hands } from "./hands.js";
import { Isovalue } from "./isovalue.js";
import { createViewer } from "./library.js";
import { Overlay } from "./overlay.js";
import { Painter } from "./painter.js";
import { Pace } from "./pace.js";
import { savePicture, sendPicture } from "./pictures.js";
import { decode, drawArrows, drawMolecules, drawnRadius } from "./scene.js";
import { views } from "./shared.js";
import { Shown } from "./shown.js";
import css from "./style.css";
import { buildGeometry, outline } from "./surfaces.js";
import { themeOf } from "./theme.js";
import { toolbar } from "./toolbar.js";
import { speaker } from "./words.js";

const REPRESENTATIONS = ["ball-stick", "stick", "sphere", "line"];
const LABELS = ["none", "element", "index"];
const REDRAWN = [
  "tick", "scene", "surfaces", "representation", "labels", "picked", "measurement", "legend", "palette", "background",
];

export class View {
  constructor(model, el, $3Dmol) {
    this.model = model;
    this.say = speaker(model);
    this.$3Dmol = $3Dmol;
    this.stale = new Set(REDRAWN);
    this.atoms = [];
    this.molecules = [];
    this.undo = [];
    this.shown = new Shown(this);
    this.camera = new Camera(this);
    this.pace = new Pace(this);
    this.build(el);
    this.hands = new Hands(this);
    const listen = (event, act) => {
      model.on(event, act);
      this.undo.push(() => model.off(event, act));
    };
    for (const name of REDRAWN) if (name !== "surfaces") listen(`change:${name}`, () => this.redraw(name));
    for (const name of ["surfaces", "choice"]) listen(`change:${name}`, () => this.shown.receive());
    listen("change:camera", () => this.camera.set());
    listen("change:camera_group", () => this.camera.join());
    listen("change:spin", () => this.spin());
    listen("change:isovalue", () => this.isovalue.set());
    listen("change:isovalue_range", () => this.isovalue.write());
    for (const name of ["width", "height"]) listen(`change:${name}`, () => this.layout());
    listen("msg:custom", (content, buffers) => {
      if (content.kind === "picture") sendPicture(this);
      else if (content.kind === "ahead") this.shown.take(content, buffers);
      else if (content.kind === "forget") this.shown.forget();
    });
    views.add(this);
    this.layout();
    this.spin();
    this.shown.receive();
    this.redraw("tick");
  }

  build(el) {
    this.host = el;
    el.classList.add("nablaviz-host");
    const box = (this.box = document.createElement("div"));
    box.className = "nablaviz-viewer";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-roledescription", this.say("viewer.role"));
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
    const { bar, buttons } = toolbar(this.say("viewer.bar"), {
      reset: [this.say("viewer.fit"), () => this.camera.fit()],
      style: [this.say("viewer.style"), cycle("representation", REPRESENTATIONS)],
      labels: [this.say("viewer.labels"), cycle("labels", LABELS)],
      spin: [this.say("viewer.spin"), cycle("spin", [false, true])],
      save: [this.say("viewer.png"), () => savePicture(this)],
      full: [this.say("viewer.full"), () => this.toggleFullscreen()],
    });
    this.buttons = buttons;
    box.append(bar, this.said);
    this.isovalue = new Isovalue(this, box);
    el.append(box);

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
    for (const part of [this.camera, this.isovalue, this.pace, this.shown]) part.dispose();
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
    const { count, waiting } = this.shown;
    this.stale.delete("tick");
    if (this.stale.size || !this.viewer) this.camera.hold(() => this.draw());
    if (waiting) return;
    requestAnimationFrame(() => {
      Object.assign(this.box.dataset, { ready: tick, shown: count });
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
      this.box.setAttribute("aria-label", this.say("viewer.label", { formula: scene.formula ?? this.say("viewer.nothing") }));
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
    const { surfaces } = this.shown;
    if (changed("surfaces")) this.isovalue.fit(surfaces);
    if (changed("surfaces", "isovalue", "detail")) {
      this.pace.build((rough) => {
        const geometry = buildGeometry(surfaces, this.isovalue.value, rough);
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
      scales: this.shown.surfaces.filter((surface) => surface.painted).map(({ painted }) => painted),
      floor: this.isovalue.height,
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

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.box.requestFullscreen();
  }
}
