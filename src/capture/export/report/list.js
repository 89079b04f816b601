"use strict";
// The data, words for it, and the list. These files are one script: list, detail, timeline, main. All that is shown is put
// in as text, never as markup: a record may hold anything.

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

/** A word as a shell reads it; what no terminal should be sent is spelled out, and what cannot be seen, or turns
 *  the direction of the text. Bytes that are not UTF-8 are lone surrogates, U+DC80 to U+DCFF. */
function quoted(word) {
  if (/^[\p{L}\p{N}_@%+=:,./-]+$/u.test(word)) return word;
  if (!/['\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(word) && word) return `'${word}'`;
  if (!word) return "''";
  const hex = (number) => "\\x" + number.toString(16).padStart(2, "0");
  const utf8 = new TextEncoder();
  const spelled = word.replace(/['\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
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
  one[FILE] === null ? "no file" : [relative(one[FILE]), one[LINE], one[COLUMN]].filter((part) => part !== null).join(":");

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
  $("nothing").textContent = all ? "Nothing passes the filters." : state.tab === "calls" ? "No tool was called through the shim." : "No warning is known.";
  $("reset").hidden = !all;
  $("partial").hidden = state.tab === "calls" || about.output;
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

// Where there is little room the name of a source says more than its folder, and what is made more than all that went in:
// one of these and the number of the others. What made nothing is told by its arguments.
function inputText(call) {
  const inputs = call[OUT] && !call[IN].includes("'") ? call[IN].split(" ") : [call[IN]];
  if (inputs[0].includes(" ")) return inputs[0];
  const cut = inputs.length > 1 && /^\+(\d+)$/.exec(inputs.at(-1));
  const others = cut ? inputs.length - 2 + Number(cut[1]) : inputs.length - 1;
  return inputs[0].split("/").pop() + (others ? ` +${others}` : "");
}

function callRow(at) {
  const call = calls[at];
  const input = inputText(call);
  const whole = call[TOOL] + (call[IN] && ": " + call[IN]) + (call[OUT] && " → " + call[OUT]);
  const what = node("span", { class: "what", title: whole }, node("em", {}, call[TOOL] + " "), input);
  if (call[OUT]) what.append(node("span", { class: "made" }, " → " + call[OUT]));
  if (call[PROBE] !== null) what.append(node("em", {}, ` (${call[PROBE]})`));
  return node("div", { class: call[PROBE] === null ? "row" : "row probe", "data-id": call[ID], role: "option", on: () => choose("call", at) },
    node("span", { class: "number" }, moment(call[START], SHORT ? 3 : 2)),
    node("span", { class: "kind", style: `--c: var(--${call[KIND]})` }, call[KIND]),
    node("span", {}, node("span", { class: "badge " + call[CLASS] }, call[RESULT])),
    node("span", { class: "number" }, time(call[LENGTH])),
    node("span", { class: "number" }, call[EDITS] ? count(call[EDITS]) : ""),
    what);
}

function passedBadge(one) {
  const cls = one[IS_ERROR] || one[POLICY] === "none" && one[WHY].includes("failed") ? "failed" : one[POLICY] === "none" ? "answer" : "demoted";
  return node("span", { class: "badge " + cls, title: one[WHY] }, cls === "failed" ? "failed" : one[POLICY]);
}

function warningRow(at) {
  const one = warnings[at];
  return node("div", { class: "row", "data-warning": at, role: "option", on: () => choose("warning", at) },
    node("span", {}, passedBadge(one)),
    node("span", {}, one[FLAG] || (one[IS_ERROR] ? "error" : "no flag")),
    node("span", { class: "what", title: one[FILE] }, place(one)),
    node("span", { title: one[MESSAGE] }, one[MESSAGE]),
    node("span", { class: "number" }, one[CALLS].length ? count(one[CALLS].length) : ""));
}

/** Whether seconds need more figures to tell calls apart. */
const SHORT = calls.every((call) => call[START] < 10e6);

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
