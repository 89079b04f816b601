// What is shown of the one call or warning that was chosen.

function choose(what, at) {
  state.chosen = at === null ? null : { what, at };
  const panel = $("detail");
  panel.hidden = at === null;
  if (at !== null) {
    const close = node("button", { class: "close", type: "button", title: "Close (Esc)", on: () => choose(null, null) }, "×");
    panel.replaceChildren(close, ...(what === "call" ? callDetail(at) : warningDetail(at)));
    panel.scrollTop = 0;
    // Where it stands below the list it may be out of sight.
    panel.scrollIntoView({ block: "nearest" });
  }
  if (what === "call") history.replaceState(null, "", "#" + calls[at][ID]);
  drawRows(true);
  drawTimeline();
}

/** A call from elsewhere: the list shows it, whatever its filters were. */
function open(at) {
  if (state.tab !== "calls") setTab("calls");
  if (!listed.includes(at)) reset();
  choose("call", at);
  show(at);
  const start = calls[at][START];
  const wide = view.to - view.from;
  if (start < view.from || start > view.to) zoom(start - wide / 2, start + wide / 2);
}

function facts(list) {
  const rows = list.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return node("dl", {}, ...rows.flatMap(([name, value, cls]) => [node("dt", {}, name), node("dd", { class: cls }, value)]));
}

function title(label, ...more) {
  return node("h3", {}, label, ...more);
}

/** A page from a plain http server has no clipboard, but a selection can be copied. */
async function copy(words) {
  if (navigator.clipboard) return navigator.clipboard.writeText(words);
  const area = node("textarea");
  area.value = words;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function copier(label, what) {
  const button = node("button", { class: "copy", type: "button" }, label);
  button.addEventListener("click", async () => {
    await copy(what());
    button.textContent = "copied";
    setTimeout(() => (button.textContent = label), 1200);
  });
  return button;
}

/** Arguments as they were given and as they ran, in one list. */
function steps(args) {
  const all = [];
  for (let at = 0; at < args.length; at++) {
    const change = args[at] % 3;
    all.push({ word: quoted(text(Math.floor(args[at] / 3))), change, edit: change ? args[++at] : 0 });
  }
  return all;
}

function diffOf(all, edits) {
  const lines = [];
  for (const step of all) {
    const last = lines[lines.length - 1];
    if (last && last.change === step.change && last.edit === step.edit) last.words.push(step.word);
    else lines.push({ ...step, words: [step.word] });
  }
  const shown = lines.map((line) => {
    const parts = line.words.flatMap((word, at) => [at ? " " : "", node("span", {}, word)]);
    if (!line.change) return node("div", { class: "same" }, ...parts);
    const edit = line.edit ? edits[line.edit - 1] : null;
    const rule = edit ? node("span", { class: "rule", title: text(edit[1]) }, text(edit[0])) : null;
    return node("div", { class: line.change === 1 ? "gone" : "new" }, node("div", {}, ...parts), rule);
  });
  return node("div", { class: "args" }, ...shown);
}

function callDetail(at) {
  const call = calls[at];
  const all = details();
  const detail = all.calls[at];
  const edits = detail[CHANGES].map((number) => all.edits[number]);
  const args = steps(detail[ARGS]);
  const changed = args.some((step) => step.change);
  const line = (without) => [quoted(text(detail[REAL])), ...args.filter((step) => step.change !== without).map((step) => step.word)].join(" ");
  const parts = [
    node("h2", {}, `${call[KIND]} ${call[OUT] || call[IN] || ""}`, node("span", { class: "badge " + call[CLASS] }, call[RESULT])),
    facts([
      ["error", detail[ERROR] === null ? null : text(detail[ERROR])],
      ["call", call[ID], "path"],
      ["tool", `${detail[VIA] ? detail[VIA] + " " : ""}${call[TOOL]} → ${detail[LAUNCHER] === null ? "" : text(detail[LAUNCHER]) + " "}${text(detail[REAL])}`, "path"],
      ["time", `${time(call[LENGTH])}, from ${moment(call[START], 3)} in job ${call[LANE] + 1}${call[INSIDE] ? ", inside of another call" : ""}`],
      ["cpu", detail[CPU] && `${time(detail[CPU][0])} user, ${time(detail[CPU][1])} system; ${count(Math.round(detail[CPU][2] / 1024))} MiB at most`],
      ["probe", call[PROBE]],
      ["folder", detail[FOLDER] === null ? "(deleted)" : quoted(text(detail[FOLDER])), "path"],
      ["inputs", call[IN] && call[IN] + (detail[LANG].length ? ` (${detail[LANG].join(", ")})` : ""), "path"],
      ["outputs", call[OUT], "path"],
      ["depfile", detail[DEP] === null ? null : quoted(text(detail[DEP])), "path"],
      ["processes", `${detail[PID]}, called by ${detail[PPID]}`],
    ]),
  ];
  const said = warnings.filter((one) => one[CALLS].includes(at));
  if (said.length) {
    parts.push(title(counted(said.length, "warning")));
    parts.push(node("div", { class: "links" }, ...said.slice(0, 50).map((one) =>
      node("button", { class: "link", type: "button", on: () => { setTab("warnings"); choose("warning", warnings.indexOf(one)); } },
        `${place(one)}: ${one[MESSAGE]}${one[FLAG] ? ` [${one[FLAG]}]` : ""}`))));
  }
  parts.push(title(changed ? "arguments, before and after" : "arguments",
    copier("copy as received", () => line(2)), changed ? copier("copy as run", () => line(1)) : null));
  parts.push(diffOf(args, edits));
  if (detail[FILES].length) parts.push(node("p", { class: "said" }, `response files ${words(detail[FILES])}, shown read in`));
  const listEdits = (label, list) => {
    if (!list.length) return;
    parts.push(title(label));
    for (const [rule, why, before, after, note] of list) {
      parts.push(node("div", { class: "edit" }, node("b", {}, text(rule)), ": " + text(why),
        note ? node("code", {}, words(before)) : null,
        !note && before.length ? node("code", { class: "gone" }, "− " + words(before)) : null,
        !note && after.length ? node("code", { class: "new" }, "+ " + words(after)) : null));
    }
  };
  listEdits("edits", edits.filter((edit) => !edit[4]));
  listEdits("notes", edits.filter((edit) => edit[4]));
  if (detail[RETRY]) {
    const [exit, lines] = detail[RETRY];
    parts.push(title("second try without -Werror"));
    parts.push(node("p", { class: "said" }, exit === 0 ? "it went well; these were let through:" : "it failed too; the first try stands"));
    parts.push(...lines.map((one) => node("p", { class: "said" }, text(one))));
  }
  if (detail[MADE].length) {
    parts.push(title("made"));
    for (const [path, size, machine, build, sha] of detail[MADE]) {
      parts.push(facts([["file", quoted(text(path)), "path"], ["size", counted(size, "byte")], ["machine", machine], ["build-id", build, "path"], ["sha256", sha, "path"]]));
    }
  }
  if (detail[ENV].length) {
    parts.push(title("environment"));
    parts.push(facts(detail[ENV].map(([name, value]) => [text(name), quoted(text(value)), "path"])));
  }
  return parts;
}

function warningDetail(at) {
  const one = warnings[at];
  return [
    node("h2", {}, one[FLAG] || (one[IS_ERROR] ? "error" : "warning"), passedBadge(one)),
    node("p", { class: "message" }, one[MESSAGE]),
    facts([
      ["place", one[FILE] === null ? "no file" : [one[FILE], one[LINE], one[COLUMN]].filter((part) => part !== null).join(":"), "path"],
      ["passed", one[WHY]],
      ["seen", counted(one[SEEN], "time")],
    ]),
    one[CALLS].length ? title(counted(one[CALLS].length, "call")) : title("the calls are not known"),
    node("div", { class: "links" }, ...one[CALLS].slice(0, 200).map((call) =>
      node("button", { class: "link", type: "button", on: () => open(call) }, `${calls[call][ID]}  ${calls[call][OUT] || calls[call][IN]}`))),
  ];
}
