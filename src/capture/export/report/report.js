"use strict";
// The report of a build. All that is shown is put in as text, never as markup: a record may hold anything.

// Places in a row of the index, and of the details.
const [ID, START, LENGTH, LANE, INSIDE, KIND, TOOL, RESULT, CLASS, PROBE, IN, OUT, EDITS, RULES] = Array(14).keys();
const [REAL, LAUNCHER, VIA, PID, PPID, LANG, ARGS, CHANGES, ENV, FILES, DEP, ERROR, RETRY, MADE, CPU, FOLDER] = Array(16).keys();
const [FILE, LINE, COLUMN, FLAG, MESSAGE, IS_ERROR, POLICY, WHY, SEEN, CALLS] = Array(10).keys();
const KINDS = ["compile", "assemble", "archive", "link", "preprocess", "query", "other"];
const ROW = 28;

const $ = (id) => document.getElementById(id);
const index = JSON.parse($("index").textContent);
const { about, calls, warnings } = index;

/** All arguments: read when they are first asked for. */
let parsed;
function details() {
  if (!parsed) parsed = JSON.parse($("details").textContent);
  return parsed;
}
const text = (number) => details().texts[number];

// ---- words ----

function node(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") made.addEventListener("click", value);
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const count = (number) => number.toLocaleString("en");
const counted = (number, what) => `${count(number)} ${what}${number === 1 ? "" : "s"}`;

/** Microseconds, in three figures. */
function time(micros) {
  const ms = micros / 1e3;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 9995) return `${(ms / 1e3).toFixed(2)} s`;
  if (ms < 99950) return `${(ms / 1e3).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1e3);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
}

/** A moment of the build: minutes, seconds, and as much behind the point as is told apart. */
function moment(micros, figures = 1) {
  const seconds = micros / 1e6;
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - minutes * 60).toFixed(figures);
  return minutes ? `${minutes}:${rest.padStart(figures ? figures + 3 : 2, "0")}` : `${rest} s`;
}

/** A word as a shell reads it; what no terminal should be sent is spelled out. Bytes that are not UTF-8 are lone
 *  surrogates, U+DC80 to U+DCFF. */
function quoted(word) {
  if (/^[\p{L}\p{N}_@%+=:,./-]+$/u.test(word)) return word;
  if (!/['\p{Cc}\p{Cs}]/u.test(word) && word) return `'${word}'`;
  if (!word) return "''";
  const hex = (number) => "\\x" + number.toString(16).padStart(2, "0");
  const utf8 = new TextEncoder();
  const spelled = word.replace(/['\\]|\p{Cc}|\p{Cs}/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    if (character === "'" || character === "\\") return "\\" + character;
    const code = character.codePointAt(0);
    if (code >= 0xdc80 && code <= 0xdcff) return hex(code - 0xdc00);
    return [...utf8.encode(character)].map(hex).join("");
  });
  return `$'${spelled}'`;
}

const words = (numbers) => numbers.map((number) => quoted(text(number))).join(" ");
const relative = (file) => (about.base && file.startsWith(about.base + "/") ? file.slice(about.base.length + 1) : file);
const place = (one) =>
  one[FILE] === null ? "command line" : [relative(one[FILE]), one[LINE], one[COLUMN]].filter((part) => part !== null).join(":");

// ---- what is chosen ----

const byId = new Map(calls.map((call, at) => [call[ID], at]));
const state = { tab: "calls", kinds: new Set(), failed: false, demoted: false, rewritten: false, probe: "", rule: "", text: "",
  sort: "start", down: false, chosen: null };
let listed = [];

function matchesText(wanted) {
  if (!wanted) return () => true;
  const has = (hay) => hay !== null && hay.toLowerCase().includes(wanted);
  if (state.tab === "warnings") return (at) => [FILE, FLAG, MESSAGE].some((field) => has(warnings[at][field]));
  // Arguments are searched once for each text, and not once for each call.
  const { texts, calls: all } = details();
  const found = texts.map(has);
  const inArguments = (args) => {
    for (let at = 0; at < args.length; at += args[at] % 3 ? 2 : 1) if (found[Math.floor(args[at] / 3)]) return true;
    return false;
  };
  return (at) => [ID, TOOL, IN, OUT, RESULT].some((field) => has(calls[at][field])) || inArguments(all[at][ARGS]);
}

const passes = (call) =>
  (!state.kinds.size || state.kinds.has(call[KIND])) &&
  (!state.failed || call[CLASS] === "failed" || (call[CLASS] === "answer" && state.probe === "yes")) &&
  (!state.demoted || call[CLASS] === "demoted") &&
  (!state.rewritten || call[EDITS] > 0) &&
  (!state.probe || (state.probe === "yes") === (call[PROBE] !== null)) &&
  (!state.rule || call[RULES].includes(state.rule));

function select() {
  const found = matchesText(state.text.trim().toLowerCase());
  if (state.tab === "calls") {
    listed = [...calls.keys()].filter((at) => passes(calls[at]) && found(at));
    const key = { start: START, time: LENGTH, edits: EDITS }[state.sort];
    const turn = state.down ? -1 : 1;
    if (key !== START || state.down) listed.sort((a, b) => turn * (calls[a][key] - calls[b][key]) || a - b);
  } else {
    listed = [...warnings.keys()].filter(found);
  }
  const all = state.tab === "calls" ? calls.length : warnings.length;
  $("shown").textContent = `${count(listed.length)} of ${counted(all, state.tab === "calls" ? "call" : "warning")}`;
  $("none").hidden = listed.length > 0;
  $("list").scrollTop = 0;
  drawRows(true);
}

// ---- the list: only the rows that are seen are there ----

const HEADS = {
  calls: [["start", "start", 1], ["kind"], ["result"], ["time", "time", 1], ["edits", "edits", 1], ["call"]],
  warnings: [["passed by"], ["flag"], ["place"], ["message"], ["calls", null, 1]],
};

function drawHead() {
  const cell = ([label, key, number]) => {
    const arrow = key && state.sort === key ? (state.down ? " ↓" : " ↑") : "";
    const cls = number ? "number" : null;
    if (!key) return node("span", { class: cls }, label);
    const turn = () => {
      state.down = state.sort === key ? !state.down : key !== "start";
      state.sort = key;
      drawHead();
      select();
    };
    return node("button", { class: cls, type: "button", on: turn }, label + arrow);
  };
  $("head").replaceChildren(...HEADS[state.tab].map(cell));
  $("list").className = state.tab;
}

function callRow(at) {
  const call = calls[at];
  // Where there is little room the name of a source says more than its folder.
  const input = call[IN].includes(" ") ? call[IN] : call[IN].split("/").pop();
  const whole = call[TOOL] + (call[IN] && ": " + call[IN]) + (call[OUT] && " → " + call[OUT]);
  const what = node("span", { class: "what", title: whole }, node("em", {}, call[TOOL] + " "), input);
  if (call[OUT]) what.append(node("span", { class: "made" }, " → " + call[OUT]));
  if (call[PROBE] !== null) what.append(node("em", {}, ` (${call[PROBE]})`));
  return node("div", { class: call[PROBE] === null ? "row" : "row probe", "data-id": call[ID], on: () => choose("call", at) },
    node("span", { class: "number" }, moment(call[START], 2)),
    node("span", { class: "kind", style: `--c: var(--${call[KIND]})` }, call[KIND]),
    node("span", {}, node("span", { class: "badge " + call[CLASS] }, call[RESULT])),
    node("span", { class: "number" }, time(call[LENGTH])),
    node("span", { class: "number" }, call[EDITS] ? count(call[EDITS]) : ""),
    what);
}

function passedBadge(one) {
  const cls = one[IS_ERROR] || one[POLICY] === "none" && one[WHY].includes("failed") ? "failed" : one[POLICY] === "none" ? "" : "demoted";
  return node("span", { class: "badge " + cls, title: one[WHY] }, cls === "failed" ? "failed" : one[POLICY]);
}

function warningRow(at) {
  const one = warnings[at];
  return node("div", { class: "row", "data-warning": at, on: () => choose("warning", at) },
    node("span", {}, passedBadge(one)),
    node("span", {}, one[FLAG] || (one[IS_ERROR] ? "error" : "no flag")),
    node("span", { class: "what", title: one[FILE] }, place(one)),
    node("span", { title: one[MESSAGE] }, one[MESSAGE]),
    node("span", { class: "number" }, count(one[SEEN])));
}

let drawn = "";
function drawRows(anew) {
  const list = $("list");
  $("space").style.height = `${listed.length * ROW}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 10);
  const last = Math.min(listed.length, first + Math.ceil(list.clientHeight / ROW) + 20);
  const now = `${first}-${last}`;
  if (!anew && now === drawn) return;
  drawn = now;
  $("rows").style.transform = `translateY(${first * ROW}px)`;
  const rows = listed.slice(first, last).map(state.tab === "calls" ? callRow : warningRow);
  rows.forEach((row, offset) => row.setAttribute("aria-selected", isChosen(listed[first + offset])));
  $("rows").replaceChildren(...rows);
}

const isChosen = (at) => state.chosen !== null && state.chosen.at === at && state.chosen.what + "s" === state.tab;

function show(at) {
  const row = listed.indexOf(at);
  if (row < 0) return;
  const list = $("list");
  const top = row * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + 2 * ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + 2 * ROW - list.clientHeight;
}

// ---- details ----

function choose(what, at) {
  state.chosen = at === null ? null : { what, at };
  const panel = $("detail");
  panel.hidden = at === null;
  if (at !== null) {
    const close = node("button", { class: "close", type: "button", title: "Close (Esc)", on: () => choose(null, null) }, "×");
    panel.replaceChildren(close, ...(what === "call" ? callDetail(at) : warningDetail(at)));
    panel.scrollTop = 0;
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
}

function facts(list) {
  const rows = list.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return node("dl", {}, ...rows.flatMap(([name, value, cls]) => [node("dt", {}, name), node("dd", { class: cls }, value)]));
}

function title(label, ...more) {
  return node("h3", {}, label, ...more);
}

function copier(label, what) {
  const button = node("button", { class: "copy", type: "button" }, label);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(what());
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
    if (!line.change) return node("div", { class: "same" }, ...line.words.flatMap((word) => [node("span", {}, word), " "]));
    const edit = line.edit ? edits[line.edit - 1] : null;
    const rule = edit ? node("span", { class: "rule", title: text(edit[1]) }, text(edit[0])) : null;
    return node("div", { class: line.change === 1 ? "gone" : "new" }, rule, line.words.join(" "));
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
      ["place", one[FILE] === null ? "command line" : [one[FILE], one[LINE], one[COLUMN]].filter((part) => part !== null).join(":"), "path"],
      ["passed", one[WHY]],
      ["seen", counted(one[SEEN], "time")],
    ]),
    one[CALLS].length ? title(counted(one[CALLS].length, "call")) : title("the calls are not known"),
    node("div", { class: "links" }, ...one[CALLS].slice(0, 200).map((call) =>
      node("button", { class: "link", type: "button", on: () => open(call) }, `${calls[call][ID]}  ${calls[call][OUT] || calls[call][IN]}`))),
  ];
}

// ---- the timeline ----

const canvas = document.querySelector("#timeline canvas");
const first = calls.reduce((least, call) => Math.min(least, call[START]), calls.length ? Infinity : 0);
const last = calls.reduce((most, call) => Math.max(most, call[START] + call[LENGTH]), first + 1);
const length = last - first;
const view = { from: first, to: last };
const AXIS = 20;
// Calls of a lane by their start; those inside of others come behind them.
const lanes = Array.from({ length: about.lanes }, () => []);
calls.forEach((call, at) => lanes[call[LANE]].push(at));
lanes.forEach((lane) => lane.sort((a, b) => calls[a][START] - calls[b][START] || calls[b][LENGTH] - calls[a][LENGTH]));
const laneHeight = () => Math.max(3, Math.min(18, Math.floor(Math.min(168, innerHeight * 0.18) / Math.max(1, about.lanes))));

let colours;
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue("--" + name).trim();
  colours = Object.fromEntries([...KINDS, "red", "odd", "dim", "line", "text", "track", "accent"].map((name) => [name, get(name)]));
}

let waiting = false;
function drawTimeline() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paint();
  });
}

function paint() {
  const width = canvas.clientWidth;
  const high = laneHeight();
  const height = AXIS + about.lanes * (high + 1);
  const ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const to = canvas.getContext("2d");
  to.scale(ratio, ratio);
  to.font = "11px system-ui, sans-serif";
  const scale = width / (view.to - view.from);
  to.fillStyle = colours.track;
  lanes.forEach((_, lane) => to.fillRect(0, AXIS + lane * (high + 1), width, high));
  axis(to, width, height, scale);
  lanes.forEach((lane, number) => {
    const y = AXIS + number * (high + 1);
    let edge = -1;
    for (const at of lane) {
      const call = calls[at];
      const start = call[START];
      if (start > view.to) break;
      if (start + call[LENGTH] < view.from) continue;
      const left = Math.max(0, (start - view.from) * scale);
      const right = Math.min(width, (start + call[LENGTH] - view.from) * scale);
      const bad = call[CLASS] === "failed";
      // Of many in one pixel one is enough, but never hides a failure.
      if (right <= edge && right - left < 0.5 && !bad) continue;
      edge = Math.max(edge, Math.ceil(left));
      to.globalAlpha = call[PROBE] === null ? 1 : 0.45;
      to.fillStyle = bad ? colours.red : call[CLASS] === "demoted" || call[CLASS] === "flight" ? colours.odd : colours[call[KIND]];
      const inset = call[INSIDE] ? Math.min(3, high / 3) : 0;
      const wide = Math.max(bad ? 2 : 0.75, right - left - (right - left > 3 ? 1 : 0));
      to.fillRect(left, y + inset, wide, high - inset);
      if (high >= 12 && wide > 46 && !call[INSIDE]) label(to, call, left, wide, y + high - 5);
    }
  });
  to.globalAlpha = 1;
  if (state.chosen && state.chosen.what === "call") {
    const call = calls[state.chosen.at];
    const left = (call[START] - view.from) * scale;
    to.strokeStyle = colours.text;
    to.lineWidth = 2;
    to.strokeRect(left - 1, AXIS + call[LANE] * (high + 1) - 1, Math.max(3, call[LENGTH] * scale) + 1, high + 2);
  }
}

function label(to, call, left, wide, y) {
  const name = (call[OUT] || call[IN]).split("/").pop();
  const fit = Math.floor((wide - 8) / 6.2);
  to.fillStyle = "#fff";
  to.fillText(name.length > fit ? name.slice(0, fit - 1) + "…" : name, left + 4, y);
}

function axis(to, width, height, scale) {
  const wanted = 90 / scale;
  const base = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((factor) => factor * base).find((one) => one >= wanted);
  const figures = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step) + 1e-9)));
  to.fillStyle = colours.dim;
  to.strokeStyle = colours.line;
  to.lineWidth = 1;
  to.beginPath();
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    const x = Math.round((at - view.from) * scale) + 0.5;
    to.moveTo(x, 14);
    to.lineTo(x, height);
    const name = at === 0 ? "0" : moment(at, figures);
    if (x + to.measureText(name).width + 6 < width) to.fillText(name, x + 3, 12);
  }
  to.stroke();
}

function hit(event) {
  const box = canvas.getBoundingClientRect();
  const high = laneHeight() + 1;
  const lane = lanes[Math.floor((event.clientY - box.top - AXIS) / high)];
  if (!lane) return null;
  const scale = (view.to - view.from) / box.width;
  const at = view.from + (event.clientX - box.left) * scale;
  const near = 2 * scale;
  // The last one that fits lies inside of those ahead of it.
  let found = null;
  for (const one of lane) {
    if (calls[one][START] > at + near) break;
    if (calls[one][START] + calls[one][LENGTH] >= at - near) found = one;
  }
  return found;
}

function zoom(from, to) {
  const wide = Math.min(length, Math.max(200, to - from));
  view.from = Math.max(first, Math.min(from, last - wide));
  view.to = view.from + wide;
  drawTimeline();
}

let drag = null;
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  const wide = view.to - view.from;
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    zoom(view.from + (event.deltaX / box.width) * wide, view.to + (event.deltaX / box.width) * wide);
    return;
  }
  const share = (event.clientX - box.left) / box.width;
  const next = wide * Math.exp(event.deltaY * 0.0015);
  const middle = view.from + share * wide;
  zoom(middle - share * next, middle - share * next + next);
}, { passive: false });
canvas.addEventListener("pointerdown", (event) => {
  drag = { x: event.clientX, from: view.from, to: view.to, moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const tip = $("tip");
  if (drag) {
    const moved = event.clientX - drag.x;
    if (Math.abs(moved) > 3) drag.moved = true;
    if (drag.moved) {
      tip.hidden = true;
      const shift = (moved / canvas.clientWidth) * (drag.to - drag.from);
      zoom(drag.from - shift, drag.to - shift);
    }
    return;
  }
  const at = hit(event);
  tip.hidden = at === null;
  if (at === null) return;
  const call = calls[at];
  tip.replaceChildren(node("b", {}, `${call[KIND]} · ${call[RESULT]} · ${time(call[LENGTH])}`), node("div", {}, `${call[TOOL]}: ${call[IN]}${call[OUT] ? " → " + call[OUT] : ""}`),
    call[PROBE] === null ? "" : node("div", {}, `probe: ${call[PROBE]}`));
  const box = $("timeline").getBoundingClientRect();
  const x = event.clientX - box.left;
  tip.style.top = `${event.clientY - box.top + 16}px`;
  tip.style.left = x < box.width / 2 ? `${x + 12}px` : "auto";
  tip.style.right = x < box.width / 2 ? "auto" : `${box.width - x + 12}px`;
});
canvas.addEventListener("pointerup", (event) => {
  const click = drag && !drag.moved;
  drag = null;
  const at = click ? hit(event) : null;
  if (at !== null) open(at);
});
canvas.addEventListener("pointercancel", () => (drag = null));
canvas.addEventListener("pointerleave", () => ($("tip").hidden = true));
$("whole").addEventListener("click", () => zoom(first, last));

// ---- filters ----

function setTab(tab) {
  state.tab = tab;
  for (const one of ["calls", "warnings"]) $("tab-" + one).setAttribute("aria-selected", one === tab);
  $("filters").hidden = tab !== "calls";
  drawHead();
  select();
}

function reset() {
  Object.assign(state, { kinds: new Set(), failed: false, demoted: false, rewritten: false, probe: "", rule: "", text: "" });
  sync();
  select();
}

/** The controls show what is chosen. */
function sync() {
  for (const name of ["failed", "demoted", "rewritten"]) $(name).checked = state[name];
  for (const name of ["probe", "rule"]) $(name).value = state[name];
  $("text").value = state.text;
  for (const chip of $("kinds").children) chip.setAttribute("aria-pressed", state.kinds.has(chip.dataset.kind));
}

/** Calls that pass this alone. */
function only(changes) {
  if (state.tab !== "calls") setTab("calls");
  reset();
  Object.assign(state, changes);
  sync();
  select();
}

function setUp() {
  const work = calls.filter((call) => call[PROBE] === null);
  const kinds = KINDS.filter((kind) => calls.some((call) => call[KIND] === kind));
  const number = (list, test) => list.filter(test).length;
  document.title = `${about.family}: crosswheel build`;
  document.querySelector("h1").textContent = `Build for ${about.family}`;
  const start = new Date(about.start);
  $("about").textContent = [
    start.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }),
    `-Werror: ${about.werror}`, ...about.compilers, about.tool,
  ].filter(Boolean).join(" · ");
  $("about").title = about.record;
  $("damage").hidden = !about.damage.length;
  $("damage").textContent = about.damage.join("; ");

  const busy = work.filter((call) => !call[INSIDE]).reduce((sum, call) => sum + call[LENGTH], 0);
  const card = (value, name, cls, on) => node(on ? "button" : "div", { class: "card " + (cls || ""), type: on && "button", on }, node("b", {}, value), node("span", {}, name));
  const failed = number(work, (call) => call[CLASS] === "failed");
  const demoted = number(calls, (call) => call[CLASS] === "demoted");
  const flight = number(calls, (call) => call[CLASS] === "flight");
  $("cards").append(...[
    card(count(calls.length), "calls", "", () => only({})),
    card(count(number(work, (call) => call[KIND] === "compile")), "compiles", "", () => only({ kinds: new Set(["compile"]), probe: "no" })),
    card(count(number(work, (call) => call[KIND] === "link")), "links", "", () => only({ kinds: new Set(["link"]), probe: "no" })),
    card(count(calls.length - work.length), "probes", "", () => only({ probe: "yes" })),
    card(count(number(calls, (call) => call[EDITS] > 0)), "rewritten", "", () => only({ rewritten: true })),
    demoted ? card(count(demoted), "demoted", "odd", () => only({ demoted: true })) : null,
    flight ? card(count(flight), "in flight", "odd", () => only({ text: "in flight" })) : null,
    card(count(failed), "failed", failed ? "bad" : "", () => only({ failed: true })),
    card(count(warnings.length), "warnings", "", () => setTab("warnings")),
    card(time(length), `at ${(busy / length).toFixed(1)} jobs`),
    card(time(about.cpu), "of CPU"),
  ].filter(Boolean));

  $("legend").append(...kinds.map((kind) => node("span", {}, node("i", { style: `background: var(--${kind})` }), kind)),
    node("span", {}, node("i", { style: "background: var(--red)" }), "failed"),
    demoted + flight ? node("span", {}, node("i", { style: "background: var(--odd)" }), "demoted, in flight") : "",
    calls.length > work.length ? node("span", {}, node("i", { style: "background: var(--compile); opacity: .45" }), "probe") : "");

  $("kinds").append(...kinds.map((kind) => {
    const toggle = () => {
      if (!state.kinds.delete(kind)) state.kinds.add(kind);
      sync();
      select();
    };
    return node("button", { class: "chip", type: "button", "data-kind": kind, "aria-pressed": "false", on: toggle },
      kind, node("small", {}, count(number(calls, (call) => call[KIND] === kind))));
  }));
  const rules = (label, list) => {
    const names = Object.keys(list);
    if (names.length) $("rule").append(node("optgroup", { label }, ...names.map((name) => node("option", { value: name }, `${name} (${count(list[name])})`))));
  };
  rules("edits", about.rules);
  rules("notes", about.notes);
  $("tab-warnings").append(` (${count(warnings.length)})`);

  for (const name of ["failed", "demoted", "rewritten"]) $(name).addEventListener("change", (event) => { state[name] = event.target.checked; select(); });
  for (const name of ["probe", "rule"]) $(name).addEventListener("change", (event) => { state[name] = event.target.value; select(); });
  let typed;
  $("text").addEventListener("input", (event) => {
    state.text = event.target.value;
    clearTimeout(typed);
    typed = setTimeout(select, 80);
  });
  $("tab-calls").addEventListener("click", () => setTab("calls"));
  $("tab-warnings").addEventListener("click", () => setTab("warnings"));
  $("reset").addEventListener("click", reset);
  $("list").addEventListener("scroll", () => drawRows(false), { passive: true });
  addEventListener("resize", () => { drawRows(true); drawTimeline(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); drawTimeline(); });
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], select");
    if (event.key === "Escape") choose(null, null);
    else if (event.key === "/" && !typing) { event.preventDefault(); $("text").focus(); }
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.target.matches("select") && listed.length) {
      event.preventDefault();
      const now = state.chosen ? listed.indexOf(state.chosen.at) : -1;
      const next = Math.max(0, Math.min(listed.length - 1, now + (event.key === "ArrowDown" ? 1 : -1)));
      choose(state.tab.slice(0, -1), listed[next]);
      show(listed[next]);
    }
  });
}

readColours();
setUp();
setTab("calls");
drawTimeline();
const asked = byId.get(location.hash.slice(1));
if (asked !== undefined) open(asked);
requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset.ready = performance.now().toFixed(0))));
