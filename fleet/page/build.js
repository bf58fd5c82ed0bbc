// Build the page into the Python package that serves it: one script, one style sheet, one document.
import { copyFile, mkdir } from "node:fs/promises";
import { build } from "esbuild";

const here = new URL("src/", import.meta.url);
const there = new URL("../src/picket_fleet/page/static/", import.meta.url);
await mkdir(there, { recursive: true });
await build({
  entryPoints: [new URL("page.tsx", here).pathname, new URL("page.css", here).pathname],
  outdir: there.pathname,
  bundle: true,
  minify: true,
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(new URL(name, here), new URL(name, there));
}
