// The newest invocations, live; and one of them with everything that is kept.
import { get, path, post } from "../api.js";
import { Keyed, action, empty, facts, fill, h, setText, toast } from "../dom.js";
import { calm, soon } from "../pace.js";
import { bytes, chip, clock, elapsed, json, millis } from "../format.js";

export const title = "Invocations";
const MOST = 1000;
const STATES = ["running", "ok", "error", "throttled"];

export function open(main, { live, signal }) {
  const rows = new Map();
  let filters = {};
  let chosen = "";
  let asked = 0;

  const text = h("input", { type: "search", placeholder: "Text, request id or trace", "aria-label": "Filter by text, request id or trace", "data-filter": true, oninput: calm(() => go({ text: text.value }), signal) });
  const functions = h("select", { "aria-label": "Filter by function", onchange: () => go({ function: functions.value }) });
  const states = h("select", { "aria-label": "Filter by state", onchange: () => go({ state: states.value }) },
    h("option", { value: "" }, "any state"), STATES.map((name) => h("option", {}, name)));
  const told = h("span", { class: "muted", role: "status" });
  const body = h("tbody");
  const nothing = h("div");
  const detail = h("section", { class: "detail", "aria-label": "Invocation" });
  const split = h("div", { class: "split" },
    h("div", { class: "pane" }, h("div", { class: "wide" },
      h("table", { class: "list invocations" }, h("caption", { class: "hidden" }, "Invocations, newest first"),
        h("thead", {}, h("tr", {}, ["Time", "State", "Function", "Woken by", "Duration", "Memory"].map((name, place) =>
          h("th", { scope: "col", class: place > 3 ? "number" : null }, name)))), body)), nothing), detail);
  main.append(h("h1", { class: "hidden" }, title), h("div", { class: "bar" }, text, functions, states, told), split);

  const rereadSoon = soon(reload, signal, 700);
  const detailSoon = soon(() => showDetail(), signal, 150);
  const keyed = new Keyed(body, (item) => item.key, () => row(() => filters));
  const clockwork = setInterval(() => { for (const { tick } of keyed.rows.values()) tick(); }, 1000);
  signal.addEventListener("abort", () => clearInterval(clockwork));
  live.on("functions", showFunctions, signal);
  live.on("reread", () => { reload(); if (chosen) showDetail(); }, signal);
  live.on("many", soon(reload, signal, 2000), signal);
  live.on("invocations", ({ changed }) => {
    if (filters.text) rereadSoon();
    else {
      for (const item of changed) {
        if (fits(item)) rows.set(item.key, item);
        else rows.delete(item.key);
      }
      show();
    }
    if (changed.some((item) => item.key === chosen)) detailSoon();
  }, signal);

  function fits(item) {
    return (!filters.function || item.function === filters.function) && (!filters.state || item.state === filters.state);
  }

  function go(change) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...filters, ...change })) if (value) query.set(name, value);
    const hash = `#/invocations${chosen ? `/${encodeURIComponent(chosen)}` : ""}${query.size ? `?${query}` : ""}`;
    if (hash !== location.hash) location.replace(hash);
  }

  async function reload() {
    const ticket = ++asked;
    const query = new URLSearchParams({ limit: MOST, ...filters });
    try {
      const found = await get(`/api/invocations?${query}`);
      if (ticket !== asked || signal.aborted) return;
      rows.clear();
      for (const item of found.invocations) rows.set(item.key, item);
      show();
    } catch (error) {
      if (!signal.aborted) fill(nothing, empty("The invocations cannot be read.", error.message));
    }
  }

  function show() {
    const items = [...rows.values()].sort((one, other) => other.began - one.began || other.attempt - one.attempt);
    for (const item of items.splice(MOST)) rows.delete(item.key);
    keyed.show(items);
    mark();
    setText(told, `${items.length.toLocaleString()}${items.length === MOST ? ", the newest" : ""}`);
    const filtered = Object.keys(filters).length > 0;
    fill(nothing, items.length ? [] : filtered
      ? empty("Nothing fits the filter.", h("a", { href: "#/invocations" }, "Show all"))
      : empty("No invocation yet.", "Send a request to the HTTP API, run a schedule, or try ", h("code", {}, "samlet invoke FUNCTION"), "."));
  }

  function mark() {
    for (const [key, { element }] of keyed.rows) element.setAttribute("aria-current", String(key === chosen));
  }

  function showFunctions() {
    const names = (live.latest.functions ?? []).map((one) => one.id);
    if (filters.function && !names.includes(filters.function)) names.push(filters.function);
    const options = ["", ...names];
    if (options.length !== functions.options.length) {
      fill(functions, options.map((name) => h("option", { value: name }, name || "all functions")));
    }
    functions.value = filters.function ?? "";
  }

  let shownDetail = "";
  async function showDetail(reveal = false) {
    const key = chosen;
    split.classList.toggle("open", Boolean(key));
    if (!key) return fill(detail);
    const keep = reveal === true || (shownDetail === key && detail.dataset.revealed === "true");
    try {
      const item = await get(`${path("/api/invocations", key)}${keep ? "?reveal=1" : ""}`);
      if (key !== chosen || signal.aborted) return;
      detail.dataset.revealed = String(keep);
      const top = shownDetail === key ? detail.scrollTop : 0;
      shownDetail = key;
      fill(detail, parts(item, keep, () => showDetail(true)));
      detail.scrollTop = top;
    } catch (error) {
      if (key !== chosen || signal.aborted) return;
      if (error.status === 404 && shownDetail === key) return keepAsItWas(detail);
      fill(detail, head(h("h2", {}, "Invocation")), empty("It cannot be shown.", error.message));
    }
  }

  showFunctions();
  return {
    show(parts, query) {
      const next = Object.fromEntries([...query].filter(([name, value]) => ["function", "state", "text"].includes(name) && value));
      const changed = JSON.stringify(next) !== JSON.stringify(filters) || !asked;
      filters = next;
      if (document.activeElement !== text) text.value = filters.text ?? "";
      states.value = filters.state ?? "";
      showFunctions();
      const before = chosen;
      chosen = parts[0] ?? "";
      if (changed) reload();
      mark();
      if (before !== chosen || !chosen) showDetail();
    },
    close() {
      if (!chosen) return;
      const key = chosen;
      location.hash = location.hash.replace(/^#\/invocations\/[^?]*/, "#/invocations");
      keyed.rows.get(key)?.element.focus();
    },
  };
}

function row(filters) {
  const cells = Array.from({ length: 6 }, (_, place) => h("td", { class: place > 3 ? "number" : null }));
  const link = h("a");
  const state = h("span");
  cells[0].append(link);
  cells[1].append(state);
  const name = h("span");
  const under = h("small", { class: "under muted" });
  cells[2].append(name, under);
  const element = h("tr", { "data-row": true, tabindex: "-1", onclick: (event) => event.target.closest("a") || link.click() }, cells);
  let key = "";
  let item = null;
  const tick = () => {
    if (item?.state === "running") setText(cells[4], `${elapsed(item.began)} so far`);
  };
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(filters());
    location.hash = `#/invocations/${encodeURIComponent(key)}${query.size ? `?${query}` : ""}`;
  });
  return {
    element,
    tick,
    show(next) {
      item = next;
      key = item.key;
      link.href = `#/invocations/${encodeURIComponent(key)}`;
      setText(link, clock(item.began, true));
      setText(state, item.status && item.state !== "running" ? item.status : item.state);
      state.className = `chip ${item.state === "ok" && item.status >= 400 ? "throttled" : item.state}`;
      setText(name, item.function + (item.attempt > 1 ? ` · attempt ${item.attempt}` : ""));
      const source = `${item.replay_of ? "↻ replay of " : ""}${item.source.text}`;
      setText(under, source); // where the page is narrow, instead of the column
      setText(cells[3], source);
      setText(cells[4], millis(item.duration) + (item.init ? " ❄" : ""));
      tick();
      cells[4].title = item.init ? `cold start: ${millis(item.init)} before it` : "";
      setText(cells[5], item.memory ? `${item.memory} MB` : "");
    },
  };
}

function head(...children) {
  return h("header", { class: "head" }, children, h("a", { class: "button quiet", href: "#/invocations", "data-close": true, "aria-label": "Close" }, "✕"));
}

function parts(item, revealed, reveal) {
  const id = item.ids[0];
  return [
    head(h("h2", {}, item.function), chip(item.state, item.status ? `${item.state} ${item.status}` : item.state), h("span", { class: "grow" })),
    h("div", { class: "buttons" },
      action("Replay", () => replay(item), { disabled: !item.event_whole, title: "The same event again, as a new invocation" }),
      action(`Copy as ${item.copied_as ?? "a command"}`, () => copy(item), { disabled: !item.event_whole }),
      h("a", { class: "button", href: `#/traces/${encodeURIComponent(id)}` }, "Waterfall"),
      item.hides && !revealed ? action("Reveal secrets", reveal, { title: "Tokens, cookies and passwords are hidden" }) : null),
    item.replay_of ? h("p", { class: "note" }, "A replay of ", h("a", { href: `#/invocations/${encodeURIComponent(item.replay_of)}` }, item.replay_of), ".") : null,
    facts([
      ["Request id", h("code", {}, item.request_id)],
      ["Woken by", `${item.source.kind}: ${item.source.text}`],
      ["Began", clock(item.began, true)],
      ["Duration", item.duration === null ? null : millis(item.duration)],
      ["Cold start", item.init === null ? null : millis(item.init)],
      ["Memory", item.memory ? `${item.memory}${item.memory_size ? ` of ${item.memory_size}` : ""} MB` : null],
      ["Time-out", item.timeout ? `${item.timeout} s` : null],
      ["Attempt", item.attempt > 1 ? item.attempt : null],
      ["Qualifier", item.qualifier],
      ["Ids", h("span", { class: "names" }, item.ids.map((one) => h("a", { href: `#/traces/${encodeURIComponent(one)}` }, one)))],
    ]),
    item.error && item.state !== "ok" && item.error !== item.answer ? h("section", {}, h("h3", {}, "Error"), h("pre", { class: "code bad" }, item.error)) : null,
    section("Event", item.event, item.event_size, item.event_whole),
    inner("Body of the event", item.event),
    item.ended === null ? null : section("Answer", item.answer, item.answer_size, item.answer_whole),
    inner("Body of the answer", item.answer),
    h("section", {}, h("h3", {}, "Log"),
      item.lines_left_out ? h("p", { class: "muted" }, `${item.lines_left_out} earlier line(s) are not kept; the function's file in logs/ has them.`) : null,
      item.lines.length
        ? h("div", { class: "log", tabindex: "0", role: "region", "aria-label": "Log" }, item.lines.map(([at, line]) => h("p", { class: levelOf(line) }, h("time", {}, clock(at, true)), " ", line)))
        : h("p", { class: "muted" }, "The function printed nothing.")),
  ];
}

/** What was open stays to be read where Samlet has forgotten it, as after its restart. */
function keepAsItWas(detail) {
  if (detail.querySelector(".gone")) return;
  detail.firstElementChild.after(h("p", { class: "note gone" }, "Samlet no longer keeps this invocation: it is shown as it was."));
  for (const button of detail.querySelectorAll(".buttons button")) button.disabled = true;
}

function section(name, text, size, whole) {
  return h("section", {}, h("h3", {}, name, " ", h("small", { class: "muted" }, bytes(size))),
    whole ? null : h("p", { class: "note" }, "Only its beginning is kept."),
    text ? json(text, name) : h("p", { class: "muted" }, "empty"));
}

/** The JSON that an HTTP event or answer carries as a text. */
function inner(name, text) {
  let body;
  try {
    body = JSON.parse(text)?.body;
  } catch {
    return null;
  }
  return typeof body === "string" && /^[[{]/.test(body) ? h("section", {}, h("h3", {}, name), json(body, name)) : null;
}

function levelOf(line) {
  if (/"level":\s*"(ERROR|CRITICAL)"|^\[ERROR\]|Traceback|Task timed out/.test(line)) return "bad";
  return /"level":\s*"WARNING"|^\[WARN/.test(line) ? "warn" : null;
}

async function replay(item) {
  const answer = await post(`${path("/api/invocations", item.key)}/replay`);
  toast(answer.ok ? "Replayed." : "Replayed; it failed.", answer.ok ? "ok" : "error");
  location.hash = `#/invocations/${encodeURIComponent(answer.request_id)}`;
}

async function copy(item) {
  const { command, note } = await get(`${path("/api/invocations", item.key)}/command`);
  await navigator.clipboard.writeText(command);
  toast(["Copied. It holds whatever the event holds, tokens too.", note].filter(Boolean).join(" "));
}
