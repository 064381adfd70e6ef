"""A clock inside a page: from the release of a button or key to the frame that shows what came of it."""

from __future__ import annotations

import io
import statistics
from typing import Any

# `clock` is what happened since `reset`, in ms of performance.now(), and the bytes on the kernel's socket.
RECORD = """() => {
  const clock = (window.clock = { reset() {
    Object.assign(clock, { begun: null, told: null, done: null, frames: [] });
    Object.assign(clock, { sent: 0, received: 0, messages: 0 });
  } });
  clock.reset();
  const size = (data) => data.byteLength ?? data.length;
  const known = new WeakSet();
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    clock.told ??= performance.now();
    clock.sent += size(data);
    clock.messages += 1;
    if (!known.has(this)) this.addEventListener("message", ({ data }) => {
      clock.received += size(data);
    });
    known.add(this);
    return send.call(this, data);
  };
  const begin = (event) => (clock.begun ??= event.timeStamp);
  window.addEventListener("pointerup", begin, true);
  window.addEventListener("keydown", (event) => /Enter|Arrow/.test(event.key) && begin(event), true);
  const boxes = [...document.querySelectorAll(".nablaviz-viewer")];
  const seen = () => boxes.map((box) => box.dataset.shown); // counts the surfaces that were painted
  let shown = seen();
  boxes.forEach((box, i) => new MutationObserver(() => {
    clock.frames.push([i, performance.now()]);
    const now = seen();
    if (now.some((count, k) => count === shown[k])) return;
    shown = now;
    clock.done ??= performance.now();
  }).observe(box, { attributes: true, attributeFilter: ["data-shown"] }));
  if (!boxes.length) new MutationObserver((changes) => {
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    if (added.some((node) => node.tagName === "CANVAS")) // 3Dmol has drawn before it gives way to this
      requestAnimationFrame(() => (clock.done = performance.now()));
  }).observe(document.body, { childList: true, subtree: true });
}"""


def summary(times: list[float]) -> dict[str, Any]:
    """Median, 95th percentile and fastest of times in ms."""
    ordered = sorted(times)
    return {
        "median_ms": statistics.median(ordered),
        "p95_ms": ordered[max(0, round(0.95 * len(ordered)) - 1)],
        "fastest_ms": ordered[0],
        "n": len(ordered),
    }


def colours(notebook: Any, selector: str) -> int:
    """How many pixels of what is shown there are neither grey nor of the page: that something is drawn."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(notebook.page.locator(selector).first.screenshot()))
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    return int((np.ptp(pixels, axis=2) > 60).sum())


def timed(notebook: Any, act: Any, timeout: float) -> dict[str, Any]:
    """What the page's clock says of one action."""
    notebook.page.evaluate("clock.reset()")
    act()
    notebook.page.wait_for_function("clock.done", timeout=timeout * 1000)
    clock = notebook.page.evaluate("({ ...clock })")
    return clock | {"ms": clock["done"] - clock["begun"]}
