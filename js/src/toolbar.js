// The row of small buttons in the upper right corner.

// 16 x 16, drawn for this project
const ICONS = {
  reset: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10M8 6.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2Z",
  style: "M4.2 9a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8ZM11.6 2.4a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8ZM6 9.6l4.3-3.9",
  labels: "M2.5 13 6 3l3.5 10M3.7 9.8h4.6M11 8.2c.6-.6 1.2-.8 1.8-.5.6.2.7.7.7 1.300v3.800M13.500 10.200c-1.800 0-2.800.500-2.800 1.600 0 1.500 2.300 1.500 2.800-.300",
  spin: "M13.4 6.600A5.600 5.600 0 1 0 13.600 9M13.700 2.700v4h-4",
  save: "M8 2v8M4.800 7 8 10.200 11.200 7M2.500 11v2.500h11V11",
  full: "M9.500 2.500h4v4M13.500 2.500 9 7M6.500 13.500h-4v-4M2.500 13.500 7 9",
};

const SVG = "http://www.w3.org/2000/svg";

/** `name`: of the bar; `actions`: name of an icon -> [title, what a click does]; returns the bar and its buttons by name. */
export function toolbar(name, actions) {
  const bar = document.createElement("div");
  bar.className = "nablaviz-toolbar";
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", name);
  const buttons = {};
  for (const [icon, [title, act]] of Object.entries(actions)) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = title;
    button.setAttribute("aria-label", title);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", ICONS[icon]);
    svg.append(path);
    button.append(svg);
    button.addEventListener("click", act);
    bar.append(button);
    buttons[icon] = button;
  }
  return { bar, buttons };
}
