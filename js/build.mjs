// Builds nablaviz/views/static from src and the 3dmol package: `node build.mjs [FOLDER]`.
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../nablaviz/views/static"));
const vendored = join(here, "node_modules/3dmol");

mkdirSync(out, { recursive: true });
copyFileSync(join(vendored, "build/3Dmol-min.js"), join(out, "3Dmol-min.js"));
copyFileSync(join(vendored, "LICENSE"), join(out, "3Dmol.LICENSE"));
for (const [name, entry] of Object.entries({ viewer: "src/index.js", levels: "src/levels.js", page: "src/page.js" })) {
  await build({
    absWorkingDir: here,
    entryPoints: [entry],
    outfile: join(out, `${name}.js`),
    bundle: true,
    format: "esm",
    target: "es2022",
    loader: { ".css": "text" },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    charset: "utf8",
  });
}
