// Units as they are written on the screen.

const RAISED = { "-": "⁻", "/": "ᐟ", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** "e/bohr^3" as "e/bohr³". */
export function prettyUnit(unit) {
  return unit.replace(/\^\(?([-\d/]+)\)?/g, (_, power) => [...power].map((sign) => RAISED[sign]).join(""));
}
