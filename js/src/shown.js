// The surfaces that a view shows: its model's, or those of a choice that Python has not heard of yet.
import { choose } from "./shared.js";
import { decodeSurfaces } from "./surfaces.js";
import { complete, keep } from "./volumes.js";

const KEPT = 26; // choices
const LONGEST = 2000; // ms that Python may take to say what it makes of a choice

/** Text that is the same for the same surfaces. */
function nameOf(surfaces) {
  return JSON.stringify(surfaces, (name, value) => (name === "values" ? undefined : value));
}

export class Shown {
  constructor(view) {
    this.view = view;
    this.model = view.model;
    this.ahead = new Map(); // surfaces by choice
    this.awaited = null; // a choice that is shown as soon as its surfaces come
    this.early = null; // a choice that is shown though the model has not got there yet
    this.waiting = false; // for volumes that the page lacks
    this.surfaces = [];
    this.count = 0; // of the surfaces that were shown
  }

  /** The model has surfaces; they may be some choices behind. */
  receive() {
    const surfaces = this.model.get("surfaces");
    this.waiting = !complete(surfaces);
    if (this.waiting) this.model.send({ kind: "volumes" }); // what is drawn stays until they come
    else if (this.early === null || this.model.get("choice") === this.early) this.show(surfaces);
    this.view.redraw("tick"); // for Python to hear that it is there, even if it was before
  }

  /** What may be chosen soon. */
  take({ choice, surfaces, names }, values) {
    names.forEach((name, i) => keep(name, values[i]));
    if (!complete(surfaces)) return;
    decodeSurfaces(surfaces); // now, when there is time
    this.ahead.delete(choice); // the last again
    this.ahead.set(choice, surfaces);
    if (this.ahead.size > KEPT) this.ahead.delete(this.ahead.keys().next().value);
    if (this.awaited === choice) choose(this.model.get("camera_group"), choice);
  }

  /** Choices no longer look as they did when they were sent. */
  forget() {
    this.ahead.clear();
    this.early = null;
  }

  choose(choice, ready) {
    if (!ready) this.awaited = choice;
    else this.show(this.ahead.get(choice), choice);
  }

  show(surfaces, early = null) {
    clearTimeout(this.doubting);
    this.awaited = null;
    this.early = early;
    if (early !== null) this.doubting = setTimeout(() => this.doubt(), LONGEST);
    const name = nameOf(surfaces);
    if (name === this.name) return;
    this.name = name;
    this.count += 1;
    this.surfaces = decodeSurfaces(surfaces);
    this.view.redraw("surfaces");
  }

  doubt() {
    this.early = null;
    this.receive();
  }

  dispose() {
    clearTimeout(this.doubting);
  }
}
