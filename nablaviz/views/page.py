"""What a panel must know of the page that it is shown on."""

from __future__ import annotations

import anywidget
import traitlets


class Page(anywidget.AnyWidget):
    """Invisible part of a panel: says whether the page is dark, and lets plots follow the panel's width.

    Plotly looks at the width again only when the window is resized, so a resize of the panel is passed
    on as one of the window.
    """

    _esm = """
    function isDark() {
      const light = document.body.dataset.jpThemeLight;
      if (light !== undefined) return light === "false";
      return window.matchMedia("(prefers-color-scheme: dark)").matches;
    }
    export default {
      render({ model, el }) {
        el.style.display = "none";
        const tell = () => {
          if (model.get("dark") === isDark()) return;
          model.set("dark", isDark());
          model.save_changes();
        };
        const themed = new MutationObserver(tell);
        themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
        tell();
        let waiting = 0;
        const sized = new ResizeObserver(() => {
          clearTimeout(waiting);
          waiting = setTimeout(() => window.dispatchEvent(new Event("resize")), 50);
        });
        // the panel gets its children before it is put on the page
        const found = setInterval(() => {
          if (!el.isConnected) return;
          clearInterval(found);
          sized.observe(el.parentElement);
        }, 50);
        return () => {
          clearInterval(found);
          themed.disconnect();
          sized.disconnect();
        };
      },
    };
    """

    dark = traitlets.Bool(False).tag(sync=True)
    """Whether the page has a dark theme; ``False`` until a browser has said so."""
