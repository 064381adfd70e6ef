// A histogram with two handles over it: which values pass a filter.
const SVG = "http://www.w3.org/2000/svg";
const FINE = 400; // places of a handle

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A text of the panel, with values for the names in braces. */
function speaker(model) {
  const words = model.get("words");
  return (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function render({ model, el }) {
  const say = speaker(model);
  const root = element("div", "nablaviz-range");
  // JupyterLab's own keys would move the cell
  root.addEventListener("keydown", (event) => event.stopPropagation());
  const head = element("div", "nablaviz-range-head");
  const label = element("span", "label");
  const unit = element("span", "unit");
  const clear = element("button", "", "×");
  clear.type = "button";
  clear.title = say("range.clear");
  clear.setAttribute("aria-label", say("range.clear"));
  clear.onclick = () => choose([null, null]);
  head.append(label, unit, clear);

  const field = element("div", "nablaviz-range-field");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const all = document.createElementNS(SVG, "path");
  all.setAttribute("class", "all");
  const now = document.createElementNS(SVG, "path");
  now.setAttribute("class", "now");
  svg.append(all, now);
  field.append(svg);
  const handles = [say("range.lowest"), say("range.highest")].map((name) => {
    const handle = element("input");
    handle.type = "range";
    handle.min = 0;
    handle.step = 1;
    handle.setAttribute("aria-label", `${model.get("label")}: ${name}`);
    field.append(handle);
    return handle;
  });
  const numbers = element("div", "nablaviz-range-numbers");
  const boxes = [say("range.lowest"), say("range.highest")].map((name) => {
    const box = element("input");
    box.type = "text";
    box.inputMode = "decimal";
    box.setAttribute("aria-label", `${model.get("label")}: ${name}`);
    numbers.append(box);
    return box;
  });
  root.append(head, field, numbers);
  el.append(root);

  const whole = () => model.get("decimals") < 0;
  const written = (x) => (whole() ? x.toFixed(0) : x.toFixed(model.get("decimals"))).replace("-", "−");
  const read = (text) => Number.parseFloat(text.trim().replace("−", "-").replace(",", "."));
  const steps = () => (whole() ? Math.max(1, Math.min(FINE, model.get("high") - model.get("low"))) : FINE);
  const bounds = () => [model.get("low"), model.get("high")];
  const toValue = (step) => {
    const [low, high] = bounds();
    const x = low + ((high - low) * step) / steps();
    return whole() ? Math.round(x) : x;
  };
  const toStep = (x) => {
    const [low, high] = bounds();
    return Math.round(((x - low) / (high - low)) * steps());
  };

  let chosen = [null, null];
  let sending = 0;

  function choose(value, send = true) {
    chosen = value;
    place();
    if (!send) return;
    clearTimeout(sending);
    sending = 0;
    model.set("value", chosen);
    model.save_changes();
  }

  function place() {
    const [low, high] = bounds();
    const shown = [chosen[0] ?? low, chosen[1] ?? high];
    const most = steps();
    const places = [chosen[0] === null ? 0 : toStep(chosen[0]), chosen[1] === null ? most : toStep(chosen[1])];
    handles.forEach((handle, i) => {
      handle.max = most;
      handle.value = places[i];
      handle.setAttribute("aria-valuetext", `${written(shown[i])} ${model.get("unit")}`);
    });
    // where both meet, the one that can still move lies on top
    handles[0].style.zIndex = places[0] > most / 2 ? 3 : 2;
    boxes.forEach((box, i) => (box.value = written(shown[i])));
    field.style.setProperty("--from", places[0] / most);
    field.style.setProperty("--to", 1 - places[1] / most);
    root.classList.toggle("narrowed", chosen[0] !== null || chosen[1] !== null);
  }

  handles.forEach((handle, i) => {
    handle.oninput = () => {
      const step = Number(handle.value);
      const other = Number(handles[1 - i].value);
      const value = [...chosen];
      if (i === 0) value[0] = step <= 0 ? null : toValue(Math.min(step, other));
      else value[1] = step >= steps() ? null : toValue(Math.max(step, other));
      choose(value, false);
      if (model.get("live")) sending ||= setTimeout(() => choose(chosen), 120);
    };
    handle.onchange = () => choose(chosen);
  });
  boxes.forEach((box, i) => {
    box.onchange = () => {
      const x = read(box.value);
      const [low, high] = bounds();
      const value = [...chosen];
      if (Number.isFinite(x)) {
        value[i] = i === 0 ? (x <= low ? null : Math.min(x, chosen[1] ?? high)) : x >= high ? null : Math.max(x, chosen[0] ?? low);
      }
      choose(value);
    };
  });

  function bars() {
    const total = model.get("counts");
    const part = model.get("filtered");
    svg.setAttribute("viewBox", `0 0 ${total.length} 1`);
    const most = Math.max(1, ...total);
    const outline = (counts) =>
      counts.map((n, i) => (n ? `M${i + 0.06} 1V${1 - Math.max(0.04, n / most)}h.88V1Z` : "")).join("");
    all.setAttribute("d", outline(total));
    now.setAttribute("d", outline(part));
  }

  function words() {
    label.textContent = model.get("label");
    unit.textContent = model.get("unit");
    const missing = model.get("missing");
    root.title = missing ? say("range.missing", { n: missing.toLocaleString("en") }) : "";
  }

  function fromModel() {
    const value = model.get("value");
    chosen = value.length === 2 ? value : [null, null];
    place();
  }

  for (const name of ["counts", "filtered"]) model.on(`change:${name}`, bars);
  for (const name of ["label", "unit", "missing"]) model.on(`change:${name}`, words);
  for (const name of ["low", "high", "decimals"]) model.on(`change:${name}`, place);
  model.on("change:value", () => sending || fromModel());
  words();
  bars();
  fromModel();
}

export default { render };
