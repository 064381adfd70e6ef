// The camera of a view: what it looks at, where it is known, and who else looks along.
import { views } from "./shared.js";

const CAMERA_Z = 150; // where 3Dmol's camera stands, Å
const HALF_ANGLE = Math.PI / 18; // half of 3Dmol's vertical field of view
const REST = 150; // ms after which a turned view tells the kernel

/** A vector turned by a unit quaternion x, y, z, w. */
function turned([x, y, z], [i, j, k, w]) {
  const [a, b, c] = [2 * (j * z - k * y), 2 * (k * x - i * z), 2 * (i * y - j * x)];
  return [x + w * a + j * c - k * b, y + w * b + k * a - i * c, z + w * c + i * b - j * a];
}

export class Camera {
  constructor(view) {
    this.view = view;
    this.model = view.model;
    this.centre = [0, 0, 0]; // of the active molecule, as drawn
    this.radius = 0; // of all atoms about it
    this.outline = []; // points of the surfaces
    this.known = false; // whether the view has been aimed yet
    this.fitting = false; // whether nobody has turned it since it was fitted
    this.held = false;
  }

  /** As the trait has it: offset from the centre, distance, rotation. */
  get() {
    const [x, y, z, zoom, ...turn] = this.view.viewer.getView();
    const [cx, cy, cz] = this.centre;
    return [-x - cx, -y - cy, -z - cz, CAMERA_Z - zoom, ...turn];
  }

  apply([x, y, z, distance, ...turn]) {
    const [cx, cy, cz] = this.centre;
    this.known = true;
    this.fitting = false;
    this.hold(() => {
      this.view.viewer.setView([-x - cx, -y - cy, -z - cz, CAMERA_Z - distance, ...turn]);
    });
    if (this.view.theme) this.view.write();
  }

  /** Runs what moves or redraws the 3Dmol scene without being the user's turning of it. */
  hold(act) {
    const before = this.held;
    this.held = true;
    act();
    this.held = before;
  }

  /** A function that brings the camera of now back. */
  keep() {
    if (!this.known) return () => {};
    const [camera, fitting] = [this.get(), this.fitting];
    return () => {
      this.apply(camera);
      this.fitting = fitting;
    };
  }

  /** Goes along with the active molecule of a new scene. */
  follow(scene) {
    const restore = this.keep();
    const [x, y, z] = (this.centre = scene.centre ?? [0, 0, 0]);
    const atoms = this.view.molecules.flatMap((molecule) => molecule.atoms);
    const far = atoms.map((atom) => Math.hypot(atom.x - x, atom.y - y, atom.z - z));
    this.radius = Math.max(0, ...far) + this.margin();
    restore();
  }

  /** New surfaces, by some of their points. */
  surround(points) {
    this.outline = points;
  }

  /** Before a frame: at first the model's camera, that of the group, or one that fits. */
  aim(resized) {
    if (!this.known && this.view.molecules.length) {
      const camera = this.model.get("camera");
      const peer = this.peers().find((other) => other.known);
      if (camera.length) this.apply(camera);
      else if (peer) this.follows(peer);
      else this.fit();
      this.save(); // for Python to know the camera before it hears that the view is ready
    } else if (resized && this.fitting) this.fit();
    this.deepen();
  }

  /** Lets what lies behind fade a little into the background. */
  deepen() {
    const [x, y, z] = this.get();
    const far = this.outline.map((point) => Math.hypot(...this.fromCentre(point)));
    const depth = Math.max(this.radius, ...far) + Math.hypot(x, y, z);
    // 3Dmol's fog begins 0.4 of the way from the near to the far plane: here a little before the centre
    this.view.viewer.setSlab(-1.8 * depth, 2.2 * depth);
  }

  /** Kept free around the outermost atoms, Å. */
  margin() {
    return this.model.get("representation") === "sphere" ? 2.2 : 1.2;
  }

  fit() {
    const { facing } = this.model.get("scene");
    this.apply([0, 0, 0, this.distance(facing), ...facing]);
    this.fitting = true;
    this.moved();
  }

  /** The camera of another view, farther away where that is fitted and this one needs more room. */
  follows(peer) {
    const [x, y, z, distance, ...turn] = peer.get();
    const fitting = this.peers().some((other) => other.known && other.fitting);
    this.apply([x, y, z, fitting ? Math.max(distance, this.distance(turn)) : distance, ...turn]);
    this.fitting = fitting;
    if (fitting) this.moved();
  }

  /** From where all can be seen when it is turned so, and most of it however it is turned, Å. */
  distance(turn) {
    const { clientWidth, clientHeight } = this.view.stage;
    const rise = Math.tan(HALF_ANGLE);
    const fall = rise * (1 - (2 * this.view.isovalue.height) / clientHeight); // the slider covers the rest
    const run = (rise * clientWidth) / clientHeight;
    let distance = (0.65 * this.radius) / Math.min(run, rise);
    const keep = (point, margin) => {
      const [x, y, z] = turned(this.fromCentre(point), turn);
      const upright = (Math.abs(y) + margin) / (y < 0 ? fall : rise);
      distance = Math.max(distance, z + Math.max((Math.abs(x) + margin) / run, upright));
    };
    for (const { atoms } of this.view.molecules) for (const atom of atoms) keep(atom, this.margin());
    for (const point of this.outline) keep(point, 0.2);
    return Math.min(distance, CAMERA_Z - 1);
  }

  fromCentre({ x, y, z }) {
    return [x - this.centre[0], y - this.centre[1], z - this.centre[2]];
  }

  /** A function from atoms to their place on the screen: `{x, y, radius}`, CSS pixels. */
  places(radius) {
    const [x, y, z, distance, ...turn] = this.get();
    const { clientWidth, clientHeight } = this.view.stage;
    return (atom) => {
      const from = this.fromCentre(atom);
      const at = turned([from[0] - x, from[1] - y, from[2] - z], turn);
      const scale = clientHeight / (2 * Math.tan(HALF_ANGLE) * (distance - at[2]));
      return { x: clientWidth / 2 + at[0] * scale, y: clientHeight / 2 - at[1] * scale, radius: radius(atom) * scale };
    };
  }

  /** 3Dmol calls this with each frame. */
  turned() {
    if (this.held || !this.known) return;
    this.fitting = false;
    this.deepen();
    this.view.write();
    for (const camera of [this, ...this.peers()]) camera.view.pace.moved();
    this.moved();
  }

  /** Tells the views of the group at once, and the kernel when the hand rests. */
  moved() {
    const camera = this.get();
    for (const peer of this.peers()) if (peer.known) peer.apply(camera);
    clearTimeout(this.saving);
    this.saving = setTimeout(() => [this, ...this.peers()].forEach((each) => each.save()), REST);
  }

  save() {
    if (!this.known || this.model.get("spin") || !this.differs(this.model.get("camera"))) return;
    this.model.set("camera", this.get());
    this.model.save_changes();
  }

  differs(camera) {
    return !camera.length || this.get().some((value, i) => Math.abs(value - camera[i]) > 1e-6);
  }

  /** The model's camera was set. */
  set() {
    const camera = this.model.get("camera");
    if (!this.known) return;
    if (!camera.length) {
      this.known = false;
      this.view.redraw("camera");
    } else if (this.differs(camera)) {
      this.apply(camera);
      this.moved();
    }
  }

  /** The cameras of the other views of the group. */
  peers() {
    const group = this.model.get("camera_group");
    const others = [...views].map((view) => view.camera).filter((camera) => camera !== this);
    return group ? others.filter((camera) => camera.model.get("camera_group") === group) : [];
  }

  join() {
    const peer = this.peers().find((other) => other.known);
    if (peer && this.known) this.apply(peer.get());
  }

  spin() {
    cancelAnimationFrame(this.spinning);
    let last = performance.now();
    const step = (now) => {
      if (!this.model.get("spin")) return this.save();
      const { viewer, stage } = this.view;
      if (viewer && stage.clientWidth) viewer.rotate(Math.min(now - last, 100) * 0.03, "vy");
      last = now;
      this.spinning = requestAnimationFrame(step);
    };
    this.spinning = requestAnimationFrame(step);
  }

  dispose() {
    clearTimeout(this.saving);
    cancelAnimationFrame(this.spinning);
  }
}
