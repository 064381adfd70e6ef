// What mouse and keys do in a view.

const STEPS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };
const TURNS = { ArrowUp: [-10, "vx"], ArrowLeft: [-10, "vy"], ArrowDown: [10, "vx"], ArrowRight: [10, "vy"] };
const NUDGES = { "[": -1, "]": 1 };
const ZOOMS = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 };

export class Hands {
  constructor(view) {
    this.view = view;
    this.model = view.model;
    const { box, stage } = view;
    box.addEventListener("keydown", (event) => this.key(event));
    // the page scrolls on over a view that nobody is working in
    box.addEventListener("wheel", (event) => box.contains(document.activeElement) || event.stopPropagation(), true);
    stage.addEventListener("pointerdown", (event) => {
      this.pressed = [event.clientX, event.clientY, event.button];
      box.focus({ preventScroll: true });
    });
    stage.addEventListener("pointerup", (event) => this.click(event));
    stage.addEventListener("pointermove", (event) => this.hover(event));
  }

  atomAt(event) {
    const { stage, viewer, atoms } = this.view;
    const { left, top, width, height } = stage.getBoundingClientRect();
    const x = (2 * (event.clientX - left)) / width - 1;
    const y = 1 - (2 * (event.clientY - top)) / height;
    const hit = viewer?.targetedObjects(x, y, atoms)[0];
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
    const { stage, viewer, atoms } = this.view;
    if (!viewer || event.buttons) return;
    const atom = this.atomAt(event);
    stage.classList.toggle("over", atom >= 0);
    stage.title = atom >= 0 ? `${atoms[atom].elem}${atom}` : "";
  }

  key(event) {
    const { viewer, isovalue } = this.view;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.shiftKey && event.key in TURNS) viewer?.rotate(...TURNS[event.key]);
    else if (event.key in ZOOMS) viewer?.zoom(ZOOMS[event.key]);
    else if (event.key in NUDGES) isovalue.nudge(NUDGES[event.key]);
    else if (event.target.type === "range") return event.stopPropagation(); // its own keys move it
    else if (event.key in STEPS) this.model.send({ kind: "step", by: STEPS[event.key] });
    else if (event.key === "Escape") this.pick([]);
    else if (!(event.target.tagName === "BUTTON" && ["Enter", " "].includes(event.key))) return;
    else return event.stopPropagation(); // the notebook has its own use for Enter
    event.preventDefault();
    event.stopPropagation();
  }
}
