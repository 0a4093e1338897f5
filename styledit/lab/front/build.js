// Builds the widgets' front ends: `npm run build` writes styledit/lab/static, `node build.js FOLDER` another folder.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FRONT = dirname(fileURLToPath(import.meta.url));
const TOP = resolve(FRONT, "../../..");
const WIDGETS = { edit: "edit/lab", explorer: "explorer/explorer", player: "player/player" };
const MADE = `Made from ${relative(TOP, FRONT)} by "npm run build"; change it there.`;

/**
 * One file of everything that `entry` imports, readable, without comments.
 * @param {string} entry path of a .js or .css file, from this folder
 */
async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(FRONT, entry)],
    absWorkingDir: TOP,
    bundle: true,
    write: false,
    format: "esm",
    charset: "utf8",
    target: "es2022",
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/**
 * The page of a saved explorer, its script and style in it. What is of one explorer only stays a <!--NAME-->.
 * @returns {Promise<string>}
 */
async function explorerPage() {
  const [page, script, style] = await Promise.all([
    readFile(join(FRONT, "explorer/page.html"), "utf8"),
    bundle("explorer/page.js"),
    bundle("explorer/explorer.css"),
  ]);
  if (/<\/script|<!--/i.test(script))
    throw new Error("The explorer's script would end the <script> that holds it.");
  return page.replace("<!--STYLE-->", () => style).replace("<!--SCRIPT-->", () => script);
}

/** Every built file by its name. */
async function buildAll() {
  const files = { "explorer.html": await explorerPage() };
  for (const [name, entry] of Object.entries(WIDGETS)) {
    files[`${name}.js`] = `// ${MADE}\n${await bundle(`${entry}.js`)}`;
    files[`${name}.css`] = `/* ${MADE} */\n${await bundle(`${entry}.css`)}`;
  }
  return files;
}

const folder = resolve(process.argv[2] ?? join(FRONT, "../static"));
await mkdir(folder, { recursive: true });
for (const [name, text] of Object.entries(await buildAll())) {
  await writeFile(join(folder, name), text);
  console.log(`${basename(folder)}/${name}: ${(text.length / 1024).toFixed(0)} kB`);
}
