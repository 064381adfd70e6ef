// Contours fields for test_surface.py: `node contour.mjs JOBS`, a JSON file; prints JSON.
import { readFileSync } from "node:fs";
import { contour } from "../../js/src/isosurface.js";
import { sortTriangles } from "../../js/src/surfaces.js";
import { decodeVolume, sample } from "../../js/src/volume.js";

const bytes = (text) => new DataView(Uint8Array.from(Buffer.from(text, "base64")).buffer);
const list = (array) => Array.from(array);

const jobs = {
  decode: ({ volume, points }) => {
    const decoded = decodeVolume({ ...volume, values: bytes(volume.values) });
    return { values: list(decoded.values), sampled: list(sample(decoded, points)) };
  },
  contour: ({ volume, level, lines }) => {
    const decoded = decodeVolume({ ...volume, values: bytes(volume.values) });
    const { positions, normals, indices } = contour(decoded, level, lines);
    return { positions: list(positions), normals: list(normals), indices: list(indices) };
  },
  noise: ({ shape, values, level }) => {
    const volume = { values: Float32Array.from(values), shape, origin: [0, 0, 0], spacing: [1, 1, 1] };
    const { positions, indices } = contour({ ...volume }, level);
    return { positions: list(positions), indices: list(indices) };
  },
  sort: ({ positions, clear, facing }) => {
    const geometry = { positions: Float32Array.from(positions), clear: Uint32Array.from(clear) };
    return list(sortTriangles(geometry, facing));
  },
};

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
process.stdout.write(JSON.stringify(asked.map((job) => jobs[job.kind](job))));
