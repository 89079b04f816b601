// The timeline: all calls side by side, in the lanes of their jobs.

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
  colours = Object.fromEntries([...KINDS, "red", "odd", "dim", "line", "text", "track", "accent", "label"].map((name) => [name, get(name)]));
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
  const fits = (text) => to.measureText(text).width <= wide - 8;
  let shown = name.slice(0, Math.floor(wide / 3));
  if (shown.length < name.length || !fits(shown)) {
    while (shown && !fits(shown + "…")) shown = shown.slice(0, -1);
    shown += "…";
  }
  if (shown.length < 4 && shown !== name) return;
  // On the paler colours, that of the other labels has no contrast.
  const odd = call[CLASS] === "demoted" || call[CLASS] === "flight";
  const pale = call[PROBE] !== null || ["preprocess", "query", "other"].includes(call[KIND]);
  to.globalAlpha = 1;
  to.fillStyle = odd ? "#0d1117" : pale && call[CLASS] !== "failed" ? colours.text : colours.label;
  to.fillText(shown, left + 4, y);
}

function axis(to, width, height, scale) {
  const wanted = 90 / scale;
  const base = 10 ** Math.floor(Math.log10(wanted));
  // From ten seconds on, people count in parts of a minute, and of an hour.
  const steps = wanted > 10e6 ? [15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((seconds) => seconds * 1e6) : [1, 2, 5, 10].map((factor) => factor * base);
  const step = steps.find((one) => one >= wanted) || Math.ceil(wanted / 3600e6) * 3600e6;
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
  $("whole").disabled = wide === length;
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
