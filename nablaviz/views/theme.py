"""Tells Python whether the page is light or dark."""

from __future__ import annotations

import anywidget
import traitlets


class Theme(anywidget.AnyWidget):
    """Invisible; put it anywhere in a panel and observe ``dark``."""

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
        return () => themed.disconnect();
      },
    };
    """

    dark = traitlets.Bool(False).tag(sync=True)
    """Whether the page has a dark theme; ``False`` until a browser has said so."""
