// The front end of nablaviz.views.viewer.Viewer, an anywidget module.
import { load3Dmol } from "./library.js";
import { View } from "./view.js";

export default {
  async render({ model, el }) {
    const view = new View(model, el, await load3Dmol(model));
    return () => view.dispose();
  },
};
