// A plotly figure. The kernel sends whole figures and what to mark on them; the browser tells of clicks,
// boxes and lassos. Plotly itself comes once per page, from a model that all plots share.
const page = (globalThis.__nablavizPlotly ??= { library: null });

function load(model) {
  page.library ??= unpack(model).catch((error) => {
    page.library = null;
    throw error;
  });
  return page.library;
}

async function unpack(model) {
  const library = await model.widget_manager.get_model(model.get("library").replace("IPY_MODEL_", ""));
  const packed = new Blob([library.get("source")]).stream();
  const script = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
  const module = { exports: {} };
  new Function("module", "exports", "define", script).call(globalThis, module, module.exports); // no globals
  return module.exports;
}

const CONFIG = {
  displaylogo: false,
  doubleClick: "reset",
  modeBarButtonsToRemove: ["autoScale2d", "zoomIn2d", "zoomOut2d", "sendChartToCloud"],
  plotlyServerURL: "", // no figure leaves the machine
};
/** Where the kernel draws anew what is zoomed to: a double click asks for the whole. */
const ZOOMS = {
  ...CONFIG,
  doubleClick: false,
  modeBarButtonsToRemove: [...CONFIG.modeBarButtonsToRemove, "resetScale2d", "select2d", "lasso2d"],
};

/** What a point stands for: its row; its number in a heat map, counted along the rows; or nothing. */
function rowOf({ customdata, pointNumber, data }) {
  return data.type === "heatmap" ? pointNumber[0] * data.x.length + pointNumber[1] : customdata;
}

const TICK = 13; // pixels that a label takes along its axis, across which it is written

/**
 * Of several sets of tick labels, the finest first, what fits on an axis: of the coarsest as many as fit.
 * @returns `[tickvals, ticktext]`
 */
function fitting(sets, axis) {
  const [low, high] = [...axis.range].sort((a, b) => a - b);
  const apart = (TICK * (high - low)) / axis._length;
  for (const { places, texts } of sets) {
    const kept = [];
    let shown = 0;
    places.forEach((place, i) => {
      if (place < low || place > high) return;
      shown++;
      if (!kept.length || place - places[kept.at(-1)] >= apart) kept.push(i);
    });
    if (kept.length === shown || sets.at(-1).places === places)
      return [kept.map((i) => places[i]), kept.map((i) => texts[i])];
  }
}

/** A text of the panel, with values for the names in braces. */
function speaker(model) {
  const words = model.get("words");
  return (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const text = (title) => String(title?.text ?? "").replace(/<br>.*|<[^>]*>/g, "");

/** What a figure shows, in words: its axes and the names of what is drawn. */
function described(say, { data, layout }) {
  const map = data.find(({ type }) => type === "heatmap");
  if (map) return say("plot.map", { value: text(map.colorbar?.title) });
  const names = [...new Set(data.filter((each) => each.showlegend !== false && each.name).map(({ name }) => name))];
  const axes = { x: text(layout.xaxis?.title), y: text(layout.yaxis?.title) };
  return say("plot.label", axes) + (names.length > 1 ? say("plot.names", { names: names.join(", ") }) : "");
}

/** The points of a figure that stand for something, from left to right: `[curve, point, row]`. */
function stops(data) {
  const stand = ({ type, visible, customdata }) => visible === true && type !== "heatmap" && customdata;
  const found = data.flatMap((trace, curve) =>
    stand(trace) ? [...trace.customdata].map((row, point) => [curve, point, row]) : [],
  );
  const place = ([curve, point]) => Number(data[curve].x?.[point]) || 0;
  return found.filter(([, , row]) => row !== null && row !== undefined).sort((a, b) => place(a) - place(b));
}

async function render({ model, el }) {
  const say = speaker(model);
  const box = document.createElement("div");
  box.className = "nablaviz-plot";
  box.tabIndex = 0;
  box.setAttribute("role", "figure");
  el.append(box);
  const Plotly = await load(model);
  let figure;
  let marks;
  let labels = {}; // of the axes, those that label() has chosen
  let frame = 0;
  let stop = -1; // the point that the keys have come to

  /** Arrow keys go from point to point, Enter does what a click does. */
  box.addEventListener("keydown", (event) => {
    if (event.target !== box || event.altKey || event.ctrlKey || event.metaKey || !box._fullLayout) return;
    const all = stops(box._fullData.slice(0, figure.data.length)); // without the marks
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -all.length, End: all.length }[event.key];
    if (by !== undefined && all.length) {
      stop = Math.max(0, Math.min(all.length - 1, stop < 0 && by > 0 && by < all.length ? 0 : stop + by));
      const [curveNumber, pointNumber] = all[stop];
      Plotly.Fx.hover(box, [{ curveNumber, pointNumber }]);
    } else if (["Enter", " "].includes(event.key) && all[stop]) {
      model.send({ kind: "click", row: all[stop][2], toggle: event.shiftKey });
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
  });

  async function draw() {
    frame = 0;
    if (!box.clientWidth) return; // drawn when it has a size
    const tick = model.get("tick");
    const size = { height: model.get("height"), width: box.clientWidth };
    // the outline of a box or lasso goes when the selection that it made goes
    const forget = { selections: [], selectionrevision: tick, editrevision: tick };
    // shapes need no new account of the data, so that marks on a large figure are quick
    const shapes = [...(figure.layout.shapes ?? []), ...marks.flatMap(({ shape }) => shape ?? [])];
    const layout = { ...figure.layout, ...size, ...forget, shapes };
    for (const name of Object.keys(labels)) layout[name] = { ...layout[name], ...labels[name] };
    const traces = marks.filter(({ shape }) => !shape);
    await Plotly.react(box, [...figure.data, ...traces], layout, model.get("zooms") ? ZOOMS : CONFIG);
    if (!box.dataset.drawn) listen();
    await label();
    box.dataset.drawn = tick;
    if (box.clientWidth && box.clientWidth !== box._fullLayout.width) redraw(); // of two at once the earlier ended last
  }
  /** Labels the axes of a figure that brings several sets of labels (`layout.meta.marks`). */
  async function label() {
    const sets = figure.layout.meta?.marks;
    if (!sets) return;
    const change = {};
    for (const name of ["xaxis", "yaxis"]) {
      const [tickvals, ticktext] = fitting(sets, box._fullLayout[name]);
      if (`${ticktext}` === `${labels[name]?.ticktext}`) continue;
      labels[name] = { tickvals, ticktext };
      Object.assign(change, { [`${name}.tickvals`]: tickvals, [`${name}.ticktext`]: ticktext });
    }
    if (Object.keys(change).length) await Plotly.relayout(box, change);
  }
  function redraw() {
    frame ||= requestAnimationFrame(draw);
  }
  function read(name) {
    if (name !== "marks") {
      figure = JSON.parse(model.get("figure"));
      box.setAttribute("aria-label", described(say, figure));
      stop = -1;
      labels = {};
    }
    if (name !== "figure") marks = JSON.parse(model.get("marks"));
    redraw();
  }

  function listen() {
    box.on("plotly_click", ({ points, event }) => {
      const toggle = event.ctrlKey || event.shiftKey || event.metaKey;
      const row = points.length ? rowOf(points[0]) : undefined;
      if (row !== undefined && row !== null) model.send({ kind: "click", row, toggle });
    });
    box.on("plotly_relayout", label);
    if (model.get("zooms")) {
      box.on("plotly_relayout", (change) => {
        if (!Object.keys(change).some((key) => /^[xy]axis\.range/.test(key))) return;
        const ranges = ["xaxis", "yaxis"].map((name) => [...box._fullLayout[name].range]);
        model.send({ kind: "zoom", ranges });
      });
      box.on("plotly_doubleclick", () => model.send({ kind: "zoom", ranges: null }));
    }
    box.on("plotly_selected", (event) => {
      if (!event) return;
      const rows = event.points.map((point) => point.customdata);
      const { x, y } = event.range ?? event.lassoPoints ?? {};
      if (x) model.send({ kind: "region", shape: event.range ? "box" : "lasso", x, y, rows });
    });
  }

  for (const name of ["figure", "marks"]) model.on(`change:${name}`, () => read(name));
  model.on("change:height", redraw);
  const sized = new ResizeObserver(redraw);
  sized.observe(box);
  read();
  return () => {
    cancelAnimationFrame(frame);
    sized.disconnect();
    Plotly.purge(box);
  };
}

export default { render };
