// What the functions are, how they do, and what they were given.
import { Keyed, empty, facts, fill, h, setText } from "../dom.js";
import { chip, clock, count, millis } from "../format.js";

export const title = "Functions";
const WORKING = "Nobody waits for its answer: this is how long it works at a stretch, not how long somebody waits.";

export function open(main, { live, signal }) {
  let chosen = "";
  const body = h("tbody");
  const table = h("table", { class: "list functions" },
    h("caption", { class: "hidden" }, "Functions"),
    h("thead", {}, h("tr", {}, ["Function", "Sandboxes", "Last minute", "Invocations", "Errors", "Throttles", "Cold starts", "p50", "p99", "Memory"]
      .map((name, place) => h("th", { scope: "col", class: place ? "number" : null }, name)))), body);
  const nothing = h("div");
  const detail = h("section", { class: "detail", "aria-label": "Function" });
  const split = h("div", { class: "split" }, h("div", { class: "pane" }, h("div", { class: "wide" }, table), nothing), detail);
  main.append(h("h1", { class: "hidden" }, title), split);

  const keyed = new Keyed(body, (item) => item.id, row);
  const refresh = () => {
    const all = live.latest.functions ?? [];
    keyed.show(all);
    fill(nothing, all.length ? [] : live.latest.functions
      ? empty("No function yet.", "The template has none, or it is still being read.") : empty("Loading…"));
    show();
  };
  live.on("functions", refresh, signal);

  function show() {
    const item = (live.latest.functions ?? []).find((one) => one.id === chosen);
    split.classList.toggle("open", Boolean(item));
    for (const [key, { element }] of keyed.rows) element.setAttribute("aria-current", String(key === chosen));
    if (item) showDetail(detail, item);
    else fill(detail);
  }

  refresh();
  return {
    show(parts) {
      chosen = parts[0] ?? "";
      show();
    },
    close() {
      const key = chosen;
      if (key) location.hash = "#/functions";
      keyed.rows.get(key)?.element.focus();
    },
  };
}

function row(item) {
  const cells = Array.from({ length: 10 }, (_, place) => h(place ? "td" : "th", { class: place ? "number" : null, scope: place ? null : "row" }));
  const link = h("a", { href: `#/functions/${encodeURIComponent(item.id)}` });
  cells[0].append(link);
  const element = h("tr", { "data-row": true, tabindex: "-1", onclick: (event) => event.target.closest("a") || link.click() }, cells);
  return {
    element,
    show(next) {
      setText(link, next.id);
      const running = next.sandboxes.filter((one) => one.pid);
      const busy = next.sandboxes.filter((one) => one.state === "busy").length;
      setText(cells[1], running.length ? `${running.length}${busy ? ` (${busy} busy)` : ""}` : "cold");
      setText(cells[2], count(next.last_minute));
      setText(cells[3], count(next.invocations));
      setText(cells[4], count(next.errors));
      cells[4].classList.toggle("bad", next.errors > 0);
      setText(cells[5], count(next.throttles));
      cells[5].classList.toggle("bad", next.throttles > 0);
      setText(cells[6], count(next.cold_starts));
      for (const [at, value] of [[7, next.p50], [8, next.p99]]) {
        setText(cells[at], millis(value));
        cells[at].classList.toggle("muted", next.background);
        cells[at].title = next.background && value !== null ? WORKING : "";
      }
      setText(cells[9], next.memory_used ? `${next.memory_used} / ${next.memory} MB` : `– / ${next.memory} MB`);
      cells[9].classList.toggle("bad", next.memory_used > next.memory * 0.9);
    },
  };
}

function showDetail(detail, item) {
  const text = JSON.stringify(item);
  if (detail.dataset.shown === text && detail.childElementCount) return;
  detail.dataset.shown = text;
  const error = item.last_error;
  fill(detail,
    h("header", { class: "head" }, h("h2", {}, item.id), h("span", { class: "grow" }),
      h("a", { class: "button", href: `#/invocations?function=${encodeURIComponent(item.id)}` }, "Invocations"),
      h("a", { class: "button quiet", href: "#/functions", "data-close": true, "aria-label": "Close" }, "✕")),
    facts([["Invocations", `${count(item.invocations)}, ${count(item.last_minute)} in the last minute`], ["Errors", count(item.errors)], ["Throttles", count(item.throttles)],
      ["Cold starts", count(item.cold_starts)], [item.background ? "Works for" : "Duration", item.p50 === null ? "–" : `p50 ${millis(item.p50)}, p99 ${millis(item.p99)}, of the newest 1,000; time-out ${millis(item.timeout * 1000)}`],
      ["", item.background ? h("span", { class: "muted" }, WORKING) : null], ["Running", item.running_since ? `since ${clock(item.running_since)}` : null],
      ["Memory", `${item.memory_used ? `${item.memory_used} MB at most` : "–"}, limit ${item.memory} MB`]]),
    error ? h("section", {}, h("h3", {}, "Last error"),
      h("p", { class: "muted" }, `${clock(error.at)} · `, h("a", { href: `#/invocations/${error.request_id}` }, error.request_id)),
      h("pre", { class: "code bad" }, error.error)) : null,
    h("section", {}, h("h3", {}, "Sandboxes"),
      item.sandboxes.length
        ? h("table", { class: "small" }, h("thead", {}, h("tr", {}, ["Process", "State", "Invocations"].map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", {}, item.sandboxes.map((one) => h("tr", {}, h("td", {}, one.pid ?? "none"), h("td", {}, chip(one.state)), h("td", {}, count(one.invocations ?? 0))))))
        : h("p", { class: "muted" }, "None now: one is started with the next event."),
      h("p", { class: "muted" }, item.reserved === null ? `Up to ${item.limit} at once.` : `Reserved concurrency ${item.reserved}.`)),
    h("section", {}, h("h3", {}, "Woken by"),
      item.woken_by.length ? h("ul", {}, item.woken_by.map((one) => h("li", {}, one))) : h("p", { class: "muted" }, "Nothing in the template; `samlet invoke` and SDKs can.")),
    h("section", {}, h("h3", {}, "Configuration"),
      facts([["Name", item.name], ["Runtime", item.runtime], ["Handler", item.handler], ["Code", item.code], ["Layers", item.layers.join(", ")],
        ["Memory", `${item.memory} MB`], ["Time-out", `${item.timeout} s`]])),
    h("section", {}, h("h3", {}, "Variables"), h("p", { class: "muted" }, "Names only; values are never shown."),
      h("p", { class: "names" }, item.variables.map((name) => h("code", {}, name)))),
  );
}
