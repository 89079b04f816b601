// Pyodide in node, called as `python` is: -c CODE, -m MODULE, FILE, each with arguments.
//
// usage: python.mjs PYODIDE SITE ARGUMENTS...
//
// PYODIDE is the folder of its package, SITE the folder of installed wheels. The working folder, that of temporary files
// and SITE are seen at their own paths; nothing else of this machine is.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, site, ...args] = process.argv.slice(2);

// What belongs to Pyodide's own file system stays so.
const OWN = ["dev", "home", "lib", "proc"];

function mountable(place) {
  const first = place.split(path.sep)[1];
  return first !== "" && !OWN.includes(first) && fs.statSync(place).isDirectory();
}

function mount(pyodide, places) {
  const done = [];
  for (const place of places) {
    const inside = done.some((other) => place === other || place.startsWith(other + path.sep));
    if (inside || !mountable(place)) continue;
    pyodide.FS.mkdirTree(place);
    pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: place }, place);
    done.push(place);
  }
}

function writer(stream) {
  return { write: (bytes) => fs.writeSync(stream, bytes) };
}

// By itself node would show the line of the program, which is a megabyte long.
process.on("uncaughtException", (error) => {
  fs.writeSync(2, `crosswheel: Pyodide ended: ${error}\n`);
  process.exit(134);
});

const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")).href);
const pyodide = await loadPyodide({ indexURL: folder + path.sep });
pyodide.setStdout(writer(1));
pyodide.setStderr(writer(2));
// The widest first: one that lies in another is seen there.
const places = [site, process.cwd(), os.tmpdir(), fs.realpathSync(os.tmpdir())].sort((a, b) => a.length - b.length);
mount(pyodide, places);
if (mountable(process.cwd())) pyodide.FS.chdir(process.cwd());

const MAIN = `
def main(site, args):
    import runpy, sys, traceback
    sys.path.append(site)
    known, ignored = ("-c", "-m"), ("-B", "-I", "-E", "-S", "-b", "-s", "-u")
    while args and args[0] in ignored:
        args = args[1:]
    if not args or (args[0].startswith("-") and args[0] not in known + ("-V", "--version")):
        sys.stderr.write("crosswheel: this python takes -c CODE, -m MODULE or FILE, and then arguments\\n")
        return 2
    first, rest = args[0], args[1:]
    try:
        try:
            if first in ("-V", "--version"):
                print("Python", sys.version.split()[0])
            elif first == "-c":
                sys.argv, sys.path[:0] = ["-c"] + rest[1:], [""]
                import __main__
                exec(compile(rest[0], "<string>", "exec"), vars(__main__))
            elif first == "-m":
                sys.argv, sys.path[:0] = ["-m"] + rest[1:], [""]
                runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
            else:
                sys.argv, sys.path[:0] = args, [first.rpartition("/")[0]]
                runpy.run_path(first, run_name="__main__")
        finally:
            sys.stdout.flush()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write("%s\\n" % (end.code,))
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
main
`;

let status;
try {
  status = pyodide.runPython(MAIN)(site, pyodide.toPy(args));
} catch (error) {
  // WebAssembly itself gave up: a trap, or a call with other types than the function has.
  fs.writeSync(2, `crosswheel: Pyodide ended in it: ${error}\n`);
  status = 134;
}
process.exit(status);
