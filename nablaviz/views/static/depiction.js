// A 2D drawing whose atoms can be clicked. The SVG comes from RDKit with all letters as outlines;
// still it is parsed as XML and only drawing elements are kept.
const KEPT = new Set(["svg", "g", "path", "circle", "ellipse", "polygon", "polyline", "line", "rect"]);

function render({ model, el }) {
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
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", model.get("label"));
    root.replaceChildren(document.importNode(drawing, true));
  }

  root.addEventListener("click", (event) => {
    const name = event.target.closest?.(".atom-selector")?.getAttribute("class").match(/atom-(\d+)/);
    if (name) model.send({ kind: "atom", atom: Number(name[1]) });
  });
  model.on("change:svg", draw);
  draw();
}

export default { render };
