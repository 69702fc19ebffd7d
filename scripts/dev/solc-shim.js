#!/usr/bin/env node
// npm's build of the Solidity compiler (WebAssembly) behind the native compiler's command line.
//
// The set-up puts this behind `.solc/solc-v<version>` where the native compiler cannot be downloaded. py-solc-x and
// Brownie only ask two things of a compiler, and both are here: `--version`, and standard JSON from standard input.
// Same version and same commit as the native build, so the same bytecode; only slower.
"use strict";

const fs = require("fs");
const path = require("path");

const args = process.argv.slice(2);

// SALUS_ROOT is set by the wrapper. Brownie compiles from the project's root, but need not be started there.
const root = process.env.SALUS_ROOT || path.resolve(__dirname, "..", "..");
const modules = path.join(root, "node_modules");

function load() {
  // The WebAssembly build registers handlers that swallow a crash or print a minified file of megabytes; undo them.
  const solc = require(path.join(modules, "solc"));
  process.removeAllListeners("uncaughtException");
  process.removeAllListeners("unhandledRejection");
  return solc;
}

if (args.includes("--version")) {
  // Starting the compiler only to learn its name costs a second, and Brownie asks many times: the set-up keeps the answer.
  const kept = path.join(root, ".solc", "version");
  const version = fs.existsSync(kept) ? fs.readFileSync(kept, "utf8").trim() : load().version();
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
  process.exit(0);
}

if (!args.includes("--standard-json")) {
  process.stderr.write("solc-shim: only --version and --standard-json are understood here\n");
  process.exit(1);
}

// Like the native compiler: a path is looked up in the base folder, then in each include folder, and nothing is read
// outside the folders that --allow-paths names or that belong to the project.
function values(flag) {
  const found = [];
  args.forEach((arg, i) => {
    if (arg === flag && i + 1 < args.length) found.push(args[i + 1]);
    else if (arg.startsWith(`${flag}=`)) found.push(arg.slice(flag.length + 1));
  });
  return found;
}

const real = (file) => {
  try {
    return fs.realpathSync(file);
  } catch {
    return path.resolve(file);
  }
};
const base = values("--base-path").pop() || process.cwd();
const folders = [base, ...values("--include-path"), root];
const allowed = [...folders, modules, ...values("--allow-paths").flatMap((list) => list.split(","))]
  .filter(Boolean)
  .map(real);

const inside = (file) => allowed.some((folder) => file === folder || file.startsWith(folder + path.sep));

function readImport(name) {
  const plain = name.replace(/^file:\/\//, "");
  // A package's name as written in an import, should a remapping be missing: npm's folder is the last place to look.
  const places = path.isAbsolute(plain)
    ? [plain]
    : [...folders.map((folder) => path.join(folder, plain)), path.join(modules, plain)];
  for (const place of places) {
    const file = real(place);
    if (!fs.existsSync(file) || !fs.statSync(file).isFile()) continue;
    if (!inside(file)) return { error: `File outside of allowed directories: ${name}` };
    return { contents: fs.readFileSync(file, "utf8") };
  }
  return { error: `File not found: ${name} (is node_modules there? \`make setup\` puts it)` };
}

const output = load().compile(fs.readFileSync(0, "utf8"), { import: readImport });
// Written in one go and not followed by process.exit(): a pipe may take megabytes only piece by piece.
process.stdout.write(output);
process.stdout.write("\n");
