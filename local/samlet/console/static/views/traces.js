// One correlation id on a time axis: requests, invocations, waits in outbox and topic, mails.
import { get, path } from "../api.js";
import { empty, fill, h, setText } from "../dom.js";
import { chip, clock, millis } from "../format.js";
import { soon } from "../pace.js";

export const title = "Waterfall";
const TICKS = 5;
const MOST_NAMES = 8;
const NAMES = { request: "HTTP request", invocation: "invocation", outbox: "outbox", topic: "topic", mail: "mail" };

export function open(main, { live, signal }) {
  let wanted = "";
  let asked = 0;
  let shown = "";
  const field = h("input", { type: "search", "data-filter": true, "aria-label": "Correlation, request or trace id", placeholder: "Correlation, request or trace id", spellcheck: "false" });
  const form = h("form", { class: "bar", onsubmit: (event) => { event.preventDefault(); location.hash = `#/traces/${encodeURIComponent(field.value.trim())}`; } },
    field, h("button", {}, "Show"));
  const body = h("div", { class: "traces" });
  main.append(h("h1", { class: "hidden" }, title), form, body);

  const again = soon(load, signal, 2000);
  live.on(["invocations", "many", "mails", "reread"], again, signal);

  async function load() {
    if (!wanted) return showNewest();
    const ticket = ++asked;
    if (!shown) fill(body, h("p", { class: "muted" }, "Searching…"));
    try {
      const found = await get(path("/api/traces", wanted));
      const text = JSON.stringify(found);
      if (ticket !== asked || signal.aborted || text === shown) return;
      shown = text;
      show(found);
    } catch (error) {
      if (ticket === asked) fill(body, empty("The waterfall cannot be drawn.", error.message));
    }
  }

  async function showNewest() {
    const ticket = ++asked;
    const { invocations } = await get("/api/invocations?limit=30").catch(() => ({ invocations: [] }));
    if (ticket !== asked || signal.aborted) return;
    shown = "";
    fill(body,
      h("p", { class: "muted" }, "Give the id of a request, an event or a log line: a correlation id, a request id, a trace id. Everything that names it is put on one time axis."),
      invocations.length ? h("h2", {}, "Newest") : empty("No invocation yet.", "Send a request to the HTTP API; its id is offered here."),
      h("ul", { class: "offers" }, invocations.map((one) => h("li", { },
        h("a", { "data-row": true, href: `#/traces/${encodeURIComponent(one.ids[0])}` }, h("time", {}, clock(one.began)), " ", h("b", {}, one.function), " ", one.source.text, " ", h("code", {}, one.ids[0]))))));
  }

  function show(found) {
    const bars = found.bars;
    if (!bars.length) {
      return fill(body, empty(`Nothing names ${found.id}.`, `${found.invocations_kept} invocation(s) are kept, and the newest messages and mails were searched. Older ones may be gone.`), troubles(found));
    }
    const first = Math.min(...bars.map((bar) => bar.start));
    const last = Math.max(...bars.map((bar) => bar.end));
    const span = Math.max(last - first, 0.001);
    fill(body,
      h("p", { class: "sum" }, h("b", {}, millis(span * 1000)), ` from ${clock(first, true)} to ${clock(last, true)}, ${bars.length} steps`),
      knownAs(found.ids),
      h("div", { class: "axis", "aria-hidden": "true" }, Array.from({ length: TICKS }, (_, tick) => h("span", {}, millis((span * 1000 * tick) / (TICKS - 1))))),
      h("ol", { class: "waterfall", "aria-label": "Steps in the order in which they began" }, bars.map((bar) => step(bar, first, span))),
      troubles(found));
  }

  return {
    show(parts) {
      wanted = parts[0] ?? "";
      if (document.activeElement !== field) field.value = wanted;
      shown = "";
      load();
    },
    close() {
      if (wanted) history.back();
    },
  };
}

/** All names of the same trace; many of them are folded, since the steps are what is looked for. */
function knownAs(ids) {
  if (ids.length < 2) return null;
  const names = h("p", { class: "muted names" }, "Known as ", ids.map((id) => h("code", {}, id)));
  return ids.length > MOST_NAMES ? h("details", { class: "muted" }, h("summary", {}, `Known under ${ids.length} ids`), names) : names;
}

function troubles(found) {
  return found.troubles.map((trouble) => h("p", { class: "note" }, trouble));
}

function step(bar, first, span) {
  const share = (moment) => `${(100 * (moment - first)) / span}%`;
  const block = h("span", { class: `bar-block ${bar.kind} ${bar.state}` });
  block.style.left = share(bar.start);
  block.style.width = `${Math.max((100 * (bar.end - bar.start)) / span, 0)}%`;
  const marks = bar.marks.map(([at, text]) => {
    const mark = h("span", { class: "mark", title: `${clock(at, true)} ${text}` });
    mark.style.left = share(at);
    return mark;
  });
  const took = bar.kind === "mail" ? `at ${millis((bar.start - first) * 1000)}` : millis((bar.end - bar.start) * 1000);
  const label = h("span", { class: "step" }, h("span", { class: `kind ${bar.kind}` }, NAMES[bar.kind]), " ", h("b", {}, bar.label), " ", h("small", { class: "muted" }, bar.detail),
    bar.state === "ok" ? null : [" ", chip(bar.state)]);
  return h("li", {}, h("a", { "data-row": true, href: bar.target, title: `${bar.label}: ${bar.detail}` }, label,
    h("span", { class: "track" }, block, marks), h("span", { class: "took" }, took)));
}
