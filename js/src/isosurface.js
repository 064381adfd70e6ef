// Marching cubes on a regular grid: an indexed, closed mesh whose vertices are shared.
//
// Lorensen and Cline, Computer Graphics 1987, 21, 163. The table of cases is made here by following the
// surface over the faces of the cube. Where a face has its two inner corners on a diagonal they are kept
// apart: a rule that looks at the face alone, so that neighbouring cubes agree and no hole is left.

const BRICK = 4; // cells along the edge of a brick that is skipped when the level is not in it

// Corner c of a cell is at (c & 1, c >> 1 & 1, c >> 2); edge 4 axis + k starts at the k-th corner without
// that axis' bit.
const EDGES = [0, 1, 2].flatMap((axis) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((c) => !((c >> axis) & 1)).map((from) => ({ axis, from, to: from | (1 << axis) })),
);

// Of each face, its corners in turn as seen from outside the cube; the first three touch corner 0.
const FACES = [0, 1].flatMap((side) =>
  [0, 1, 2].map((axis) => {
    const [u, v] = [1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3)];
    const round = [0, u, u | v, v].map((corner) => corner | (side << axis));
    return side ? round : round.reverse();
  }),
);

function edgeBetween(a, b) {
  return EDGES.findIndex(({ from, to }) => from === Math.min(a, b) && to === Math.max(a, b));
}

/** Where the surface crosses a face: `[[edge, edge]]`, each from where one run of inner corners begins. */
function segments(face, inside) {
  const leaves = [0, 1, 2, 3].filter((i) => inside(face[i]) && !inside(face[(i + 1) % 4]));
  return leaves.map((i) => {
    let j = i;
    while (inside(face[j])) j = (j + 3) % 4;
    return [edgeBetween(face[j], face[(j + 1) % 4]), edgeBetween(face[i], face[(i + 1) % 4])];
  });
}

function onOneFace(a, b) {
  return FACES.some((face) => [a, b].every((edge) => face.includes(EDGES[edge].from) && face.includes(EDGES[edge].to)));
}

/** Triangles of a loop of edges; no side of one lies within a face, where a neighbour might have it too. */
function fan(loop) {
  const turned = loop.map((_, start) => [...loop.slice(start), ...loop.slice(0, start)]);
  const [apex, ...rest] = turned.find(([first, ...others]) => others.slice(1, -1).every((edge) => !onOneFace(first, edge)));
  return rest.slice(1).flatMap((edge, i) => [apex, rest[i], edge]);
}

/** Of one of the 256 cases the edges of its triangles, and of the lines on the three faces at corner 0. */
function solve(code) {
  const inside = (corner) => (code >> corner) & 1;
  const crossed = FACES.map((face) => segments(face, inside));
  const next = new Map(crossed.flat());
  const triangles = [];
  while (next.size) {
    const loop = [];
    for (let edge = next.keys().next().value; next.has(edge); ) {
      loop.push(edge);
      const after = next.get(edge);
      next.delete(edge);
      edge = after;
    }
    triangles.push(...fan(loop));
  }
  return { triangles, lines: crossed.slice(0, 3).flat(2) };
}

/** Lists of edges one behind the other, and where each begins. */
function packed(lists) {
  const starts = new Uint16Array(lists.length + 1);
  lists.forEach((list, i) => (starts[i + 1] = starts[i] + list.length));
  return { starts, edges: Uint8Array.from(lists.flat()) };
}

const CASES = Array.from({ length: 256 }, (_, code) => solve(code));
const TRIANGLES = packed(CASES.map((each) => each.triangles));
const LINES = packed(CASES.map((each) => each.lines));

/** The least and the largest value in each brick of cells; its border belongs to its neighbours too. */
function findRanges({ values, shape: [nx, ny, nz] }) {
  const counts = [nx, ny, nz].map((n) => Math.ceil((n - 1) / BRICK));
  const ranges = new Float32Array(2 * counts[0] * counts[1] * counts[2]);
  let brick = 0;
  for (let bx = 0; bx < counts[0]; bx++)
    for (let by = 0; by < counts[1]; by++)
      for (let bz = 0; bz < counts[2]; bz++, brick += 2) {
        let [low, high] = [Infinity, -Infinity];
        const zEnd = Math.min(nz - 1, BRICK * (bz + 1));
        for (let x = BRICK * bx; x <= Math.min(nx - 1, BRICK * (bx + 1)); x++)
          for (let y = BRICK * by; y <= Math.min(ny - 1, BRICK * (by + 1)); y++) {
            const row = (x * ny + y) * nz;
            for (let z = BRICK * bz; z <= zEnd; z++) {
              const value = values[row + z];
              if (value < low) low = value;
              if (value > high) high = value;
            }
          }
        ranges[brick] = low;
        ranges[brick + 1] = high;
      }
  return { counts, ranges };
}

// Used again by each call, larger when needed: what grows is copied to its exact size at the end.
const scratch = { places: new Int32Array(0), mark: 1, vertices: new Float32Array(1 << 16), indices: new Uint32Array(1 << 16) };

function room(name, needed) {
  const old = scratch[name];
  if (needed <= old.length) return old;
  scratch[name] = new old.constructor(2 * needed);
  scratch[name].set(old);
  return scratch[name];
}

/**
 * The surface where the volume has the value `level`, which must not be 0.
 *
 * Along an edge of the grid a vertex is at the root of the cubic through the four values nearest to it
 * (of the line through two at the border). Normals point to where the magnitude falls.
 *
 * @param volume `{values: Float32Array, shape: [nx, ny, nz] with z fastest, origin, spacing}`; gets `bricks`
 * @param asLines instead of triangles, lines where the surface crosses the planes of the grid
 * @returns `{positions, normals, indices}`: 3 numbers a vertex; 3 indices a triangle, seen from where the
 *   normals point in mathematically positive order, or 2 a line
 */
export function contour(volume, level, asLines = false) {
  const { values, origin, spacing } = volume;
  const bricks = (volume.bricks ??= findRanges(volume));
  const [nx, ny, nz] = volume.shape;
  const sizes = [nx, ny, nz];
  const strides = [ny * nz, nz, 1];
  const sign = level < 0 ? -1 : 1;
  const bound = sign * level;
  const table = asLines ? LINES : TRIANGLES;
  const { starts, edges } = table;
  const edgeNode = EDGES.map(({ from }) => (from & 1) * strides[0] + ((from >> 1) & 1) * nz + (from >> 2));

  // The number of the vertex on each edge of the grid, counted from `mark`: older numbers are less.
  if (scratch.places.length < 3 * values.length) scratch.places = new Int32Array(3 * values.length);
  if (scratch.mark > 2 ** 30) {
    scratch.places.fill(0);
    scratch.mark = 1;
  }
  const { places, mark } = scratch;
  let { vertices, indices } = scratch;
  let [count, filled] = [0, 0];

  /** Change of the value per step along an axis. */
  const slope = (node, axis, at) => {
    const up = at < sizes[axis] - 1 ? 1 : 0;
    const down = at > 0 ? 1 : 0;
    return (values[node + up * strides[axis]] - values[node - down * strides[axis]]) / (up + down);
  };

  const addVertex = (node, axis, x, y, z) => {
    const stride = strides[axis];
    const at = axis === 0 ? x : axis === 1 ? y : z;
    const f0 = values[node];
    const f1 = values[node + stride];
    let t = (level - f0) / (f1 - f0);
    if (at > 0 && at + 2 < sizes[axis]) {
      const before = values[node - stride];
      const after = values[node + 2 * stride];
      const c1 = f1 - before / 3 - f0 / 2 - after / 6;
      const c2 = (before + f1) / 2 - f0;
      const c3 = (after - before) / 6 + (f0 - f1) / 2;
      let low = 0;
      let high = 1;
      for (let step = 0; step < 4; step++) {
        const miss = f0 - level + t * (c1 + t * (c2 + t * c3));
        if (miss > 0 === f0 > level) low = t;
        else high = t;
        t -= miss / (c1 + t * (2 * c2 + t * 3 * c3));
        if (!(t >= low && t <= high)) t = (low + high) / 2;
      }
    }
    if (6 * count + 6 > vertices.length) vertices = room("vertices", 6 * count + 6);
    const to = 6 * count;
    vertices[to] = origin[0] + spacing[0] * x;
    vertices[to + 1] = origin[1] + spacing[1] * y;
    vertices[to + 2] = origin[2] + spacing[2] * z;
    vertices[to + axis] += spacing[axis] * t;
    const end = node + stride;
    const [ex, ey, ez] = [x + (axis === 0), y + (axis === 1), z + (axis === 2)];
    const gx = ((1 - t) * slope(node, 0, x) + t * slope(end, 0, ex)) / spacing[0];
    const gy = ((1 - t) * slope(node, 1, y) + t * slope(end, 1, ey)) / spacing[1];
    const gz = ((1 - t) * slope(node, 2, z) + t * slope(end, 2, ez)) / spacing[2];
    const scale = -sign / (Math.sqrt(gx * gx + gy * gy + gz * gz) || 1);
    vertices[to + 3] = scale * gx;
    vertices[to + 4] = scale * gy;
    vertices[to + 5] = scale * gz;
    return count++;
  };

  const addCell = (code, node, x, y, z) => {
    const last = starts[code + 1];
    if (filled + 36 > indices.length) indices = room("indices", filled + 36);
    for (let i = starts[code]; i < last; i++) {
      const edge = edges[i];
      const from = node + edgeNode[edge];
      const axis = edge >> 2;
      const place = 3 * from + axis;
      if (places[place] < mark) {
        const corner = EDGES[edge].from;
        places[place] = mark + addVertex(from, axis, x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2));
      }
      indices[filled++] = places[place] - mark;
    }
  };

  const plane = ny * nz;
  let brick = 0;
  for (let bx = 0; bx < bricks.counts[0]; bx++)
    for (let by = 0; by < bricks.counts[1]; by++)
      for (let bz = 0; bz < bricks.counts[2]; bz++, brick += 2) {
        if (bricks.ranges[brick] > level || bricks.ranges[brick + 1] < level) continue;
        const xEnd = Math.min(nx - 1, BRICK * (bx + 1));
        const yEnd = Math.min(ny - 1, BRICK * (by + 1));
        const zEnd = Math.min(nz - 1, BRICK * (bz + 1));
        for (let x = BRICK * bx; x < xEnd; x++)
          for (let y = BRICK * by; y < yEnd; y++) {
            let node = (x * ny + y) * nz + BRICK * bz;
            let code = corners(node);
            for (let z = BRICK * bz; z < zEnd; z++, node++) {
              code = (code >> 4) | corners(node + 1);
              if (code !== 0 && code !== 255) addCell(code, node, x, y, z);
            }
          }
      }

  /** Which of the four corners of a cell with one z are inside, as its upper four bits. */
  function corners(node) {
    return (
      (sign * values[node] > bound ? 16 : 0) |
      (sign * values[node + plane] > bound ? 32 : 0) |
      (sign * values[node + nz] > bound ? 64 : 0) |
      (sign * values[node + plane + nz] > bound ? 128 : 0)
    );
  }

  scratch.mark += count;
  const positions = new Float32Array(3 * count);
  const normals = new Float32Array(3 * count);
  for (let i = 0; i < count; i++)
    for (let k = 0; k < 3; k++) {
      positions[3 * i + k] = vertices[6 * i + k];
      normals[3 * i + k] = vertices[6 * i + 3 + k];
    }
  return { positions, normals, indices: indices.slice(0, filled) };
}
