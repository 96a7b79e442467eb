// When each schedule fires next, in its own zone; run, pause and resume.
import { get, post } from "../api.js";
import { Keyed, action, empty, fill, h, setText, toast } from "../dom.js";
import { chip, clock, distance, inZone } from "../format.js";

export const title = "Schedules";

export function open(main, { live, signal }) {
  const list = h("div", { class: "cards" });
  const nothing = h("div");
  const keyed = new Keyed(list, (one) => one.name, card);
  main.append(h("h1", { class: "hidden" }, title), nothing, list);
  const refresh = () => {
    const all = live.latest.schedules;
    keyed.show(all ?? []);
    fill(nothing, all?.length ? [] : all ? empty("No schedule.", "The template has none: ", h("code", {}, "Schedule"), " or ", h("code", {}, "ScheduleV2"), " events of a function are shown here.") : empty("Loading…"));
  };
  live.on("schedules", refresh, signal);
  const clockwork = setInterval(() => { for (const { tick } of keyed.rows.values()) tick(); }, 1000);
  signal.addEventListener("abort", () => clearInterval(clockwork));
  refresh();
  return {
    show(parts) {
      const row = keyed.rows.get(parts.join("/"));
      row?.element.focus();
    },
  };
}

function card(first) {
  let item = first;
  const url = (word) => `/api/schedules/${encodeURIComponent(item.name)}/${word}`;
  const next = h("p", { class: "next" });
  const last = h("p", { class: "muted" });
  const state = h("span");
  const facts = h("p", { class: "muted" });
  const slots = h("ol", { class: "slots" });
  const more = h("details", {}, h("summary", {}, "Next ten times"), slots);
  more.addEventListener("toggle", () => more.open && showSlots());
  const pause = action("Pause", async () => {
    const word = item.paused ? "resume" : "pause";
    await post(url(word));
    toast(`${item.name}: ${word}d.`);
  });
  const run = action("Run now", async () => {
    toast(`${item.name} runs…`);
    const answer = await post(url("run"));
    if (!answer.request_id) throw new Error(answer.error);
    toast(answer.ok ? `${item.name} ran.` : `${item.name} failed: ${answer.payload.slice(0, 200)}`, answer.ok ? "ok" : "error");
  });
  const element = h("article", { class: "card", "data-row": true, tabindex: "-1" },
    h("header", { class: "head" }, h("h2", {}, item.name), state), next, facts, last, h("div", { class: "buttons" }, run, pause), more);

  async function showSlots() {
    try {
      const times = await get(url("next"));
      fill(slots, times.length ? times.map((time) => h("li", {}, h("b", {}, inZone(time, item.timezone)), ` ${item.timezone} `, h("span", { class: "muted" }, `${time.slice(0, 16).replace("T", " ")} UTC, ${distance(time)}`))) : h("li", {}, "It does not fire again."));
    } catch (error) {
      fill(slots, h("li", {}, error.message));
    }
  }

  function tick() {
    fill(next, item.next ? [h("b", {}, inZone(item.next, item.timezone)), ` ${item.timezone} `, h("span", { class: "muted" }, distance(item.next))]
      : h("span", { class: "muted" }, item.paused ? "Paused: its slots pass." : item.enabled ? "It does not fire again." : "Off in the template."));
  }

  return {
    element,
    tick,
    show(value) {
      item = value;
      fill(state, chip(item.paused ? "paused" : item.enabled ? "on" : "off"));
      setText(facts, `${item.expression} · ${item.timezone} · wakes ${item.function}`);
      setText(pause, item.paused ? "Resume" : "Pause");
      pause.hidden = !item.enabled;
      fill(last, item.last ? ["Last: ", h("a", { href: `#/invocations/${encodeURIComponent(item.last.key)}` }, clock(item.last.began)), " ", chip(item.last.state)] : "Not run since the start.");
      tick();
      if (more.open) showSlots();
    },
  };
}
