// Volumes that came before the surfaces that they belong to: see nablaviz.views.surfaces_ahead.
import { volumes } from "./library.js";

const KEPT = 40; // in a page, each of about 0.1 MB

/** Takes the values of a volume by name. */
export function keep(name, values) {
  volumes.delete(name); // the last again
  volumes.set(name, values);
  if (volumes.size > KEPT) volumes.delete(volumes.keys().next().value);
}

/** The surfaces of a model with all values in place; null where some are not there. */
export function complete(surfaces) {
  const valuesOf = ({ values }) => (typeof values === "string" ? volumes.get(values) : values);
  const found = surfaces.map((surface) => ({ ...surface, values: valuesOf(surface) }));
  return found.every(({ values }) => values) ? found : null;
}
