// A 2D drawing whose atoms can be clicked. The SVG comes from RDKit with all letters as outlines;
// still it is parsed as XML and only drawing elements are kept.
const KEPT = new Set(["svg", "g", "path", "circle", "ellipse", "polygon", "polyline", "line", "rect"]);

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/** A text of the panel, with values for the names in braces. */
function speaker(model) {
  const words = model.get("words");
  return (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function render({ model, el }) {
  const say = speaker(model);
  const root = document.createElement("div");
  root.className = "nablaviz-depiction";
  el.append(root);

  function draw() {
    const svg = new DOMParser().parseFromString(model.get("svg") || "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml");
    const drawing = svg.documentElement;
    for (const each of [drawing, ...drawing.querySelectorAll("*")]) {
      const events = [...each.attributes].filter(({ name }) => /^on|href$/i.test(name));
      if (!KEPT.has(each.localName) || events.length) each.remove();
    }
    drawing.removeAttribute("width");
    drawing.removeAttribute("height");
    const at = atoms().indexOf(document.activeElement); // an atom that was picked by key keeps the focus
    root.replaceChildren(document.importNode(drawing, true));
    const there = atoms();
    for (const [place, each] of there.entries()) {
      each.setAttribute("role", "button");
      each.setAttribute("aria-label", say("depiction.atom", { n: numberOf(each) }));
      each.setAttribute("tabindex", place === Math.max(at, 0) ? 0 : -1); // one stop for Tab, arrows go on
    }
    there[at]?.focus({ preventScroll: true });
    root.setAttribute("role", there.length ? "group" : "img");
    root.setAttribute("aria-label", model.get("label"));
  }

  const atoms = () => [...root.querySelectorAll(".atom-selector")];
  const numberOf = (atom) => atom.getAttribute("class").match(/atom-(\d+)/)?.[1];
  const pick = (atom) => model.send({ kind: "atom", atom: Number(numberOf(atom)) });

  root.addEventListener("click", (event) => {
    const atom = event.target.closest?.(".atom-selector");
    if (atom) pick(atom);
  });
  root.addEventListener("keydown", (event) => {
    const all = atoms();
    const at = all.indexOf(event.target);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in STEPS) {
      const next = all[(at + STEPS[event.key] + all.length) % all.length];
      all[at].setAttribute("tabindex", -1);
      next.setAttribute("tabindex", 0);
      next.focus();
    } else if (["Enter", " "].includes(event.key)) pick(all[at]);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
  });
  model.on("change:svg", draw);
  draw();
}

export default { render };
