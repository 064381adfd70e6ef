// The volumes of a page by name: each is sent once, see nablaviz.views.surfaces_ahead, and unpacked once.
import { page } from "./shared.js";
import { decodeVolume } from "./volume.js";

const { volumes } = page;
const KEPT = 90; // each of about 0.7 MB

/** Takes the values of a volume. */
export function keep(name, values) {
  volumes.delete(name); // the last again
  volumes.set(name, { values });
  if (volumes.size > KEPT) volumes.delete(volumes.keys().next().value);
}

/**
 * Puts the values in place that a message has left out; whether all are there. They go into the model's own
 * surfaces, for these to be whole in what is saved of the page's widgets.
 */
export function complete(surfaces) {
  for (const surface of surfaces) surface.values ??= volumes.get(surface.name)?.values;
  return surfaces.every(({ values }) => values);
}

/** A field's volume, see decodeVolume. */
export function unpacked(field) {
  const kept = volumes.get(field.name);
  return kept ? (kept.volume ??= decodeVolume(field)) : decodeVolume(field);
}
