// A table of one page of rows: the kernel holds all of them, sorts them and knows what is selected.
// Everything is written with textContent, so nothing of a user's file is read as HTML.
const STEPS = { ArrowUp: -1, ArrowDown: 1 };

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
  const root = element("div", "nablaviz-table");
  // JupyterLab's own keys would move the cell
  root.addEventListener("keydown", (event) => event.stopPropagation());
  const frame = element("div", "nablaviz-table-frame");
  const table = element("table");
  table.tabIndex = 0;
  table.setAttribute("role", "grid");
  table.setAttribute("aria-multiselectable", "true");
  table.setAttribute("aria-label", say("table.label"));
  const head = table.createTHead();
  const body = table.createTBody();
  frame.append(table);

  const foot = element("div", "nablaviz-table-foot");
  const said = element("span", "nablaviz-table-said");
  said.setAttribute("aria-live", "polite");
  const pager = element("span", "nablaviz-table-pager");
  const button = (text, title, to) => {
    const made = element("button", "", text);
    made.type = "button";
    made.title = title;
    made.setAttribute("aria-label", title);
    made.onclick = () => model.send({ kind: "page", to: to() });
    return made;
  };
  const first = button("«", say("table.first"), () => 0);
  const back = button("‹", say("table.previous"), () => model.get("page") - 1);
  const next = button("›", say("table.next"), () => model.get("page") + 1);
  const last = button("»", say("table.last"), () => model.get("pages") - 1);
  const where = element("input");
  where.type = "text";
  where.inputMode = "numeric";
  where.setAttribute("aria-label", say("table.page"));
  where.onchange = () => {
    const page = Number.parseInt(where.value, 10);
    where.blur();
    if (Number.isFinite(page)) model.send({ kind: "page", to: page - 1 });
    drawFoot();
  };
  const of = element("span");
  pager.append(first, back, where, of, next, last);
  foot.append(said, pager);
  root.append(frame, foot);
  el.append(root);

  function drawHead() {
    head.replaceChildren();
    const line = head.insertRow();
    for (const { name, label, unit, numeric } of model.get("columns")) {
      const cell = element("th", numeric ? "number" : "");
      cell.scope = "col";
      const sorted = model.get("sort") === name;
      cell.setAttribute("aria-sort", !sorted ? "none" : model.get("descending") ? "descending" : "ascending");
      const sort = element("button");
      sort.type = "button";
      sort.title = say("table.sort", { column: label });
      const title = element("span", "label");
      if (sorted) title.append(element("span", "mark", model.get("descending") ? "▼" : "▲"));
      title.append(label);
      sort.append(title, element("span", "unit", unit));
      sort.onclick = () => model.send({ kind: "sort", column: name });
      cell.append(sort);
      line.append(cell);
    }
  }

  function drawBody() {
    const columns = model.get("columns");
    const rows = model.get("rows");
    const lines = model.get("cells").map((texts, i) => {
      const line = element("tr");
      line.dataset.row = rows[i];
      texts.forEach((text, k) => {
        const cell = element("td", columns[k]?.numeric ? "number" : "", text);
        if (text.length > 24) cell.title = text;
        line.append(cell);
      });
      return line;
    });
    if (!lines.length) {
      const line = element("tr", "empty");
      const cell = element("td", "", say("table.empty"));
      cell.colSpan = columns.length;
      line.append(cell);
      lines.push(line);
    }
    body.replaceChildren(...lines);
    mark();
  }

  function mark() {
    const selected = new Set(model.get("selected"));
    for (const line of body.rows) {
      const row = Number(line.dataset.row);
      line.setAttribute("aria-selected", selected.has(row));
      line.classList.toggle("active", row === model.get("active"));
    }
  }

  function drawFoot() {
    const count = (n) => n.toLocaleString("en");
    const [total, page, rows] = [model.get("total"), model.get("page"), model.get("rows").length];
    const start = page * model.get("page_size");
    const parts = [
      total ? say("table.shown", { first: count(start + 1), last: count(start + rows), total: count(total) }) : say("table.none"),
    ];
    const chosen = model.get("n_selected");
    if (chosen) {
      const hidden = model.get("n_hidden");
      const said = say("table.selected", { n: count(chosen) });
      parts.push(hidden ? said + say("table.hidden", { n: count(hidden) }) : said);
    }
    said.textContent = parts.join(" · ");
    if (document.activeElement !== where) where.value = page + 1;
    where.style.width = `${Math.max(2, String(model.get("pages")).length) + 2}ch`;
    of.textContent = say("table.of", { pages: count(model.get("pages")) });
    first.disabled = back.disabled = page === 0;
    next.disabled = last.disabled = page >= model.get("pages") - 1;
  }

  body.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault()); // no text selection
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr")?.dataset.row;
    if (row === undefined || (window.getSelection()?.toString() && !event.shiftKey)) return;
    model.send({ kind: "click", row: Number(row), extend: event.shiftKey, toggle: event.ctrlKey || event.metaKey });
    table.focus({ preventScroll: true });
  });
  table.addEventListener("keydown", (event) => {
    if (event.target !== table || event.altKey || event.ctrlKey || event.metaKey) return;
    const size = model.get("page_size");
    const by = { ...STEPS, PageUp: -size, PageDown: size, Home: -model.get("total"), End: model.get("total") }[event.key];
    if (by === undefined) return;
    model.send({ kind: "step", by, extend: event.shiftKey });
    event.preventDefault();
  });

  const drawn = { columns: drawHead, sort: drawHead, descending: drawHead, cells: drawBody, rows: drawBody };
  for (const name of ["selected", "active"]) drawn[name] = mark;
  for (const name of ["total", "page", "pages", "n_selected", "n_hidden"]) drawn[name] = drawFoot;
  const pending = new Set();
  const draw = () => {
    for (const each of pending) each();
    pending.clear();
  };
  for (const [name, act] of Object.entries(drawn)) {
    model.on(`change:${name}`, () => {
      if (!pending.size) requestAnimationFrame(draw);
      pending.add(act);
    });
  }
  for (const each of new Set(Object.values(drawn))) each();
}

export default { render };
