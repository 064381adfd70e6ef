// The isovalue of a view's surfaces: a slider at the lower edge that works without the kernel.
import { prettyUnit } from "./units.js";

const STEPS = 1000; // of the slider
const NUDGE = 1.1; // factor of one press of a key
const HEIGHT = 20; // px, as in style.css
const REST = 150; // ms after the last key until the kernel is told

export class Isovalue {
  constructor(view, parent) {
    this.view = view;
    this.model = view.model;
    this.value = this.model.get("isovalue");
    this.bar = document.createElement("label");
    this.bar.className = "nablaviz-isovalue";
    this.bar.hidden = true;
    this.bar.title = view.say("viewer.isovalue_keys");
    this.slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: STEPS, step: 1 });
    this.slider.setAttribute("aria-label", view.say("viewer.isovalue"));
    this.output = document.createElement("output");
    this.bar.append(view.say("viewer.isovalue"), this.slider, this.output);
    parent.append(this.bar);
    this.slider.addEventListener("input", () => this.share(this.fromSlider()));
    this.slider.addEventListener("change", () => this.save());
  }

  /** New surfaces; the slider is there if one of them follows it. */
  fit(surfaces) {
    const following = surfaces.filter((surface) => surface.isovalue === null);
    this.bar.hidden = !following.length;
    this.unit = prettyUnit(following[0]?.unit ?? "");
    this.write();
  }

  /** What it takes of the view, px. */
  get height() {
    return this.bar.hidden ? 0 : HEIGHT;
  }

  ends() {
    const [low, high] = this.model.get("isovalue_range");
    return [Math.log(Math.min(low, this.value)), Math.log(Math.max(high, this.value))];
  }

  fromSlider() {
    const [low, high] = this.ends();
    return Math.exp(low + (this.slider.value / STEPS) * (high - low));
  }

  write() {
    const [low, high] = this.ends();
    this.slider.value = (STEPS * (Math.log(this.value) - low)) / (high - low);
    const text = `${this.value < 1e-3 ? this.value.toExponential(1) : this.value.toPrecision(2)} ${this.unit}`;
    if (text === this.output.textContent) return; // for the page not to be laid out again
    this.slider.setAttribute("aria-valuetext", text);
    this.output.textContent = text;
  }

  take(value) {
    this.value = value;
    this.write();
    this.view.pace.moved();
    this.view.redraw("isovalue");
  }

  group() {
    return [this, ...this.view.camera.peers().map((camera) => camera.view.isovalue)];
  }

  /** To all views of the group at once, and to no kernel. */
  share(value) {
    const rounded = Number(value.toPrecision(3));
    for (const each of this.group()) each.take(rounded);
  }

  /** One key press up or down. */
  nudge(steps) {
    if (this.bar.hidden) return;
    this.share(this.value * NUDGE ** steps);
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(), REST);
  }

  save() {
    for (const { model, value } of this.group()) {
      if (model.get("isovalue") === value) continue;
      model.set("isovalue", value);
      model.save_changes();
    }
  }

  /** The model's isovalue was set. */
  set() {
    const value = this.model.get("isovalue");
    if (value === this.value) return;
    for (const each of this.group()) each.take(value);
    this.save();
  }

  dispose() {
    clearTimeout(this.saving);
  }
}
