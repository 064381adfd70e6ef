// Runs the widgets of an exported page: see nablaviz.views.page. It takes the place of the kernel and of
// the notebook, so that a widget's own module needs no other code than in JupyterLab.

/** What `page` in Python packed, with its buffers put back as DataViews. */
async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(plain).arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const content = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  for (const { path, start, size } of content.buffers) {
    const last = path.pop();
    path.reduce((at, name) => at[name], content)[last] = new DataView(bytes, 4 + length + start, size);
  }
  return content;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** As much of a widget's model as anywidget promises to its front end. */
class Model extends EventTarget {
  constructor(page, id, state) {
    super();
    this.page = page;
    this.id = id;
    this.state = state;
    this.changed = new Set();
    this.heard = new Map();
    this.widget_manager = { get_model: async (id) => page.models.get(id) };
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.changed.add(name);
    this.dispatchEvent(new Event(`change:${name}`));
    this.dispatchEvent(new Event("change"));
  }

  save_changes() {
    const { changed } = this;
    this.changed = new Set();
    if (changed.size) this.page.follow(this, [...changed]);
  }

  send(content) {
    if (content.kind === "step") this.page.show(this.page.shown + content.by);
  }

  on(names, act) {
    for (const name of names.split(" ")) this.addEventListener(name, act);
  }

  off(names, act) {
    for (const name of names.split(" ")) this.removeEventListener(name, act);
  }
}

class Page {
  constructor({ modules, models, states }) {
    this.states = states;
    this.modules = modules.map((source) => URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    this.models = new Map(Object.entries(models).map(([id, { state }]) => [id, new Model(this, id, state)]));
    this.said = document.querySelector("#said");
    const bar = document.querySelector("nav");
    this.buttons = states.map(({ name }, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => this.show(place));
      bar.append(button);
      return button;
    });
    if (states.length) this.show(0);
  }

  /** Gives the models what they have in a state. */
  show(place) {
    if (!this.states[place]) return;
    this.shown = place;
    for (const [id, values] of Object.entries(this.states[place].values)) {
      const model = this.models.get(id);
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.changed.clear();
    }
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === place));
    this.said.textContent = "";
  }

  /** A widget changed something itself: show the first state that has it so. */
  follow(model, names) {
    const own = this.states.map(({ values }) => values[model.id] ?? {});
    const told = names.filter((name) => own.some((values) => name in values));
    if (!told.length) return;
    const found = own.findIndex((values) => told.every((name) => same(values[name], model.get(name))));
    if (found >= 0) this.show(found);
    else this.said.textContent = this.said.dataset.only.replace("[names]", this.states.map(({ name }) => name).join(", "));
  }

  async render(id, module, el) {
    const { default: widget } = await import(this.modules[module]);
    await widget.render({ model: this.models.get(id), el });
  }
}

async function start() {
  const content = await unpack(document.querySelector("#data").textContent);
  const page = new Page(content);
  globalThis.nablaviz = page;
  // views look at the attributes of the body to see that the theme has changed
  const preferred = window.matchMedia("(prefers-color-scheme: dark)");
  preferred.addEventListener("change", () => (document.body.dataset.dark = preferred.matches));
  for (const el of document.querySelectorAll("[data-model]")) {
    const id = el.dataset.model;
    await page.render(id, content.models[id].module, el);
  }
}

start().catch((error) => {
  const said = document.querySelector("#said");
  said.textContent = said.dataset.old.replace("[error]", error);
  throw error;
});
