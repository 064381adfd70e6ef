// Reads what Viewer.show sent, and draws it with 3Dmol.

const SYMBOLS = (
  "X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As " +
  "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe"
).split(" ");

const ARROW_COLOR = "#ff8c1a";

/** A typed array over a copy of the bytes, as a DataView need not be aligned. */
function typed(Type, view) {
  if (!view?.byteLength) return new Type();
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** The scene as a list of molecules: `{atoms: [{elem, x, y, z, bonds, bondOrder}], opacity}`. */
export function decode(scene) {
  const numbers = typed(Uint8Array, scene.numbers);
  const positions = typed(Float32Array, scene.positions);
  const bonds = typed(Uint16Array, scene.bonds);
  let atom = 0;
  let bond = 0;
  return (scene.sizes ?? []).map((size, place) => {
    const atoms = Array.from({ length: size }, () => {
      const [x, y, z] = positions.subarray(3 * atom, 3 * atom + 3);
      return { elem: SYMBOLS[numbers[atom++]], x, y, z, bonds: [], bondOrder: [] };
    });
    for (const last = bond + scene.bond_counts[place]; bond < last; bond++) {
      const [i, j, order] = bonds.subarray(3 * bond, 3 * bond + 3);
      atoms[i].bonds.push(j);
      atoms[j].bonds.push(i);
      atoms[i].bondOrder.push(order);
      atoms[j].bondOrder.push(order);
    }
    return { atoms, opacity: scene.opacity[place] };
  });
}

function atomStyle(style, color, opacity) {
  const look = { color, opacity };
  switch (style) {
    case "stick":
      return { stick: { ...look, radius: 0.17 } };
    case "sphere":
      return { sphere: look };
    case "line":
      return {
        stick: { ...look, radius: 0.035, doubleBondScaling: 1, tripleBondScaling: 1 },
        clicksphere: { radius: 0.3 },
      };
    default:
      return { stick: { ...look, radius: 0.13 }, sphere: { ...look, scale: 0.22 } };
  }
}

/** Replaces the models of `viewer`; returns the 3Dmol atoms of the active molecule. */
export function drawMolecules(viewer, molecules, active, { style, colors, palette }) {
  viewer.removeAllModels();
  let picking = [];
  molecules.forEach(({ atoms, opacity }, place) => {
    if (opacity === 0) return; // 3Dmol would draw it solid
    const model = viewer.addModel();
    // 3Dmol's shaders square the opacity
    const squared = Math.sqrt(opacity);
    model.addAtoms(
      atoms.map((atom, index) => {
        const own = (place === active && colors[index]) || palette[atom.elem] || palette[""];
        return { ...atom, style: atomStyle(style, own, squared) };
      }),
    );
    if (place === active) {
      picking = model.selectedAtoms({});
      model.setClickable({}, true, () => {});
    }
  });
  return picking;
}

/** Replaces the arrows. */
export function drawArrows(viewer, atoms, arrows) {
  viewer.removeAllShapes();
  const vectors = typed(Float32Array, arrows);
  const shape = viewer.addShape({ color: ARROW_COLOR });
  atoms.forEach((start, i) => {
    const [x, y, z] = vectors.subarray(3 * i, 3 * i + 3);
    const length = Math.hypot(x, y, z);
    if (!(length > 0.02)) return;
    const head = Math.min(0.3, length / 2);
    const end = { x: start.x + x, y: start.y + y, z: start.z + z };
    shape.addArrow({ start, end, radius: 0.06, radiusRatio: 2.2, mid: 1 - head / length });
  });
}

/** How far from its centre an atom is drawn, Å. */
export function drawnRadius($3Dmol, atom) {
  const { sphere, stick } = atom.style;
  if (!sphere) return stick.radius;
  return ($3Dmol.GLModel.vdwRadii[atom.elem] ?? 1.5) * (sphere.scale ?? 1);
}
