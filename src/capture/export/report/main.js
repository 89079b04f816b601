// Filters and controls, and the start of it all.

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
    calls.length ? card(time(length), `at ${(busy / length).toFixed(1)} jobs`) : null,
    calls.length ? card(time(about.cpu), "of CPU") : null,
  ].filter(Boolean));

  $("timeline").hidden = !calls.length;
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
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.target.closest("select, #detail") && listed.length) {
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
zoom(first, last);
const asked = byId.get(location.hash.slice(1));
if (asked !== undefined) open(asked);
requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset.ready = performance.now().toFixed(0))));
