// The surfaces of a view: contoured here, from the volumes that Viewer.draw_surfaces sent.
import { colorAt } from "./colormap.js";
import { contour } from "./isosurface.js";
import { coarser, sample } from "./volume.js";
import { unpacked } from "./volumes.js";

const BINS = 8192; // steps of depth that triangles are sorted into
const OUTLINE = 400; // vertices that stand for a mesh where the camera asks how far it reaches

function rgb(color) {
  return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
}

/** What `Viewer.surfaces` holds, with its volumes unpacked. */
export function decodeSurfaces(surfaces) {
  return surfaces.map((surface) => ({
    ...surface,
    volume: unpacked(surface),
    painted: surface.painted && { ...surface.painted, volume: unpacked(surface.painted) },
  }));
}

/** Its meshes: one for each phase, `{positions, normals, indices, color}`. */
function meshesOf(surface, isovalue, rough) {
  const volume = rough ? (surface.volume.coarse ??= coarser(surface.volume)) : surface.volume;
  const level = surface.isovalue ?? isovalue;
  const phases = [[level, surface.color]];
  if (surface.negative_color) phases.push([-level, surface.negative_color]);
  return phases.map(([value, color]) => ({ ...contour(volume, value, surface.style === "mesh"), color }));
}

/** Bytes of red, green, blue and opacity for each vertex. */
function paint(surface, mesh) {
  const colors = new Uint8Array((mesh.positions.length / 3) * 4);
  const fixed = rgb(mesh.color);
  const values = surface.painted && sample(surface.painted.volume, mesh.positions);
  for (let i = 0; 4 * i < colors.length; i++) {
    colors.set(values ? colorAt(values[i], surface.painted.range, surface.painted.colors) : fixed, 4 * i);
    colors[4 * i + 3] = Math.round(255 * surface.opacity);
  }
  return colors;
}

function joined(Type, arrays) {
  const all = new Type(arrays.reduce((sum, array) => sum + array.length, 0));
  let end = 0;
  for (const array of arrays) {
    all.set(array, end);
    end += array.length;
  }
  return all;
}

/**
 * All surfaces at an isovalue as one geometry: `positions`, `normals` (3 numbers a vertex), `colors`
 * (4 bytes), and the vertices of the `opaque` and `clear` triangles, the `lines` and the `dots`. A `rough` one
 * has a quarter of the triangles.
 */
export function buildGeometry(surfaces, isovalue, rough = false) {
  const [positions, normals, colors] = [[], [], []];
  const indices = { opaque: [], clear: [], lines: [], dots: [] };
  let count = 0;
  for (const surface of surfaces.filter(({ opacity }) => opacity > 0)) {
    for (const mesh of meshesOf(surface, isovalue, rough)) {
      const size = mesh.positions.length / 3;
      const solid = surface.opacity < 1 ? "clear" : "opaque";
      const kind = { solid, mesh: "lines", dots: "dots" }[surface.style];
      const own = kind === "dots" ? Uint32Array.from({ length: size }, (_, i) => i) : mesh.indices;
      if (count) for (let i = 0; i < own.length; i++) own[i] += count;
      indices[kind].push(own);
      positions.push(mesh.positions);
      normals.push(mesh.normals);
      colors.push(paint(surface, mesh));
      count += size;
    }
  }
  const geometry = {
    positions: joined(Float32Array, positions),
    normals: joined(Float32Array, normals),
    colors: joined(Uint8Array, colors),
  };
  for (const kind in indices) geometry[kind] = joined(Uint32Array, indices[kind]);
  return geometry;
}

/** Some points of a geometry, `{x, y, z}`. */
export function outline({ positions }) {
  const step = 3 * Math.ceil(positions.length / 3 / OUTLINE);
  const points = [];
  for (let i = 0; i < positions.length; i += step) {
    points.push({ x: positions[i], y: positions[i + 1], z: positions[i + 2] });
  }
  return points;
}

/** The places of a geometry's clear triangles, three indices each, from the farthest to the nearest. */
export function sortTriangles({ positions, clear }, [dx, dy, dz]) {
  const count = clear.length / 3;
  const depths = new Float32Array(positions.length / 3);
  for (let i = 0; i < depths.length; i++) {
    depths[i] = dx * positions[3 * i] + dy * positions[3 * i + 1] + dz * positions[3 * i + 2];
  }
  const keys = new Float32Array(count);
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < count; i++) {
    keys[i] = depths[clear[3 * i]] + depths[clear[3 * i + 1]] + depths[clear[3 * i + 2]];
    const key = keys[i]; // as rounded: one below `low` would have no place
    if (key < low) low = key;
    if (key > high) high = key;
  }
  const scale = (BINS - 1) / (high - low || 1); // sorted by counting
  const starts = new Uint32Array(BINS + 1);
  for (let i = 0; i < count; i++) starts[Math.floor((keys[i] - low) * scale) + 1]++;
  for (let i = 0; i < BINS; i++) starts[i + 1] += starts[i];
  const sorted = new Uint32Array(clear.length);
  for (let i = 0; i < count; i++) {
    const to = 3 * starts[Math.floor((keys[i] - low) * scale)]++;
    sorted[to] = clear[3 * i];
    sorted[to + 1] = clear[3 * i + 1];
    sorted[to + 2] = clear[3 * i + 2];
  }
  return sorted;
}
