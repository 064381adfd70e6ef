// A field on a regular grid, as Python sends it.

const FEWEST = 8; // points along an axis of a coarser volume

let halves; // the value of each of the 65536 float16 numbers

function makeHalves() {
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
    halves[bits] = bits >> 15 ? -size : size;
  }
}

/** Whole numbers from what nablaviz.views.surface.compact stored. */
function unpack(bytes, [, ny, nz]) {
  const steps = new Int16Array(bytes.length / 2);
  for (let i = 0; i < steps.length; i++) {
    const folded = bytes[i] | (bytes[steps.length + i] << 8);
    steps[i] = (folded >>> 1) ^ -(folded & 1);
  }
  const [plane, row] = [ny * nz, nz];
  for (let i = 0; i < steps.length; i++) if (i % row) steps[i] += steps[i - 1];
  for (let i = 0; i < steps.length; i++) if (i % plane >= row) steps[i] += steps[i - row];
  for (let i = plane; i < steps.length; i++) steps[i] += steps[i - plane];
  return steps;
}

/** `{values, origin, spacing, shape}` of a field, see nablaviz.views.surface.encode. */
export function decodeVolume({ values: { buffer, byteOffset, byteLength }, packed, scale, origin, spacing, shape }) {
  if (!halves) makeHalves();
  const bytes = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
  const numbers = packed ? unpack(bytes, shape) : new Uint16Array(bytes.buffer);
  const values = new Float32Array(numbers.length);
  for (let i = 0; i < values.length; i++) values[i] = scale * (packed ? numbers[i] : halves[numbers[i]]);
  return { values, origin, spacing, shape };
}

/** Every second point of a volume along each axis; itself where that would be too few. */
export function coarser(volume) {
  const { values, origin, spacing, shape } = volume;
  if (Math.min(...shape) < 2 * FEWEST) return volume;
  const [mx, my, mz] = shape.map((points) => Math.ceil(points / 2));
  const [plane, row] = [shape[1] * shape[2], shape[2]];
  const some = new Float32Array(mx * my * mz);
  let end = 0;
  for (let i = 0; i < mx; i++) {
    for (let j = 0; j < my; j++) {
      const start = 2 * i * plane + 2 * j * row;
      for (let k = 0; k < mz; k++) some[end++] = values[start + 2 * k];
    }
  }
  return { values: some, origin, spacing: spacing.map((step) => 2 * step), shape: [mx, my, mz] };
}

/** Values at `positions` (3 numbers each), trilinear; outside the grid that of its border. */
export function sample({ values, origin, spacing, shape }, positions) {
  const strides = [shape[1] * shape[2], shape[2], 1];
  const found = new Float32Array(positions.length / 3);
  const part = [0, 0, 0];
  for (let i = 0; i < found.length; i++) {
    let node = 0;
    for (let k = 0; k < 3; k++) {
      const at = Math.min(Math.max((positions[3 * i + k] - origin[k]) / spacing[k], 0), shape[k] - 1);
      const low = Math.min(Math.floor(at), shape[k] - 2);
      part[k] = at - low;
      node += low * strides[k];
    }
    let sum = 0;
    for (let corner = 0; corner < 8; corner++) {
      let weight = 1;
      let at = node;
      for (let k = 0; k < 3; k++) {
        const up = (corner >> k) & 1;
        weight *= up ? part[k] : 1 - part[k];
        at += up * strides[k];
      }
      sum += weight * values[at];
    }
    found[i] = sum;
  }
  return found;
}
