// What became of each resource of the template, where the parts listen, and how they are.
import { get } from "../api.js";
import { empty, fill, h } from "../dom.js";
import { chip } from "../format.js";
import { soon } from "../pace.js";

export const title = "Resources";
const ORDER = ["not run", "run", "elsewhere", "no effect"];
const WORDS = {
  run: "run here",
  elsewhere: "made in moto, or left to your AWS",
  "no effect": "accepted, without effect here",
  "not run": "not run",
};

export function open(main, { live, signal }) {
  let standing = "";
  let shown = "";
  const body = h("div", { class: "resources" });
  main.append(h("h1", { class: "hidden" }, title), body);
  live.on(["parts", "reread"], soon(load, signal, 200), signal);

  async function load() {
    try {
      const found = await get("/api/resources");
      const text = JSON.stringify([found, standing]);
      if (signal.aborted || text === shown) return;
      shown = text;
      show(found);
    } catch (error) {
      if (!signal.aborted) fill(body, empty("The resources cannot be read.", error.message));
    }
  }

  function show(found) {
    const counts = Map.groupBy(found.resources, (one) => one.standing);
    const rows = found.resources.filter((one) => !standing || one.standing === standing);
    fill(body,
      h("section", { class: "two" },
        h("div", {}, h("h2", {}, "Addresses"), table(["Part", "Address"], Object.entries(found.addresses).map(([part, address]) => [part, linked(address)]))),
        h("div", {}, h("h2", {}, "Parts"), table(["Part", "State", "Process"], Object.entries(found.parts).map(([name, part]) => [name, chip(String(part.state)), part.pid ?? ""])))),
      mappings(found.parts.kafka_mappings?.mappings),
      others(found.parts.queue_mappings?.mappings, found.parts.push_mappings?.mappings),
      h("section", { class: "template" }, h("h2", {}, "Template"),
        found.template ? h("p", { class: "muted" }, found.template) : empty("The template is still being read."),
        h("div", { class: "bar", role: "group", "aria-label": "Filter by standing" }, ["", ...ORDER.filter((name) => counts.has(name))].map((name) => {
          const own = name === standing;
          return h("button", { type: "button", class: own ? "" : "quiet", "aria-pressed": String(own), onclick: () => { standing = name; load(); } },
            name ? `${WORDS[name]}: ${counts.get(name).length}` : `all: ${found.resources.length}`);
        })),
        table(["Resource", "Type", "Standing", "Line"], rows.map((one) => [
          h("b", {}, one.id), one.type, [chip(one.standing, WORDS[one.standing] ?? one.standing), one.reason ? ` ${one.reason}` : ""], one.line ?? ""]))),
      Object.keys(found.outputs).length ? h("section", {}, h("h2", {}, "Outputs"), table(["Output", "Value"], Object.entries(found.outputs))) : null);
  }

  load();
  return { show() {} };
}

function mappings(all = {}) {
  const rows = Object.entries(all);
  if (!rows.length) return null;
  return h("section", {}, h("h2", {}, "Kafka mappings"), table(
    ["Mapping", "Topic", "Group", "State", "Lag", "Delivered", "Skipped", "Given up"],
    rows.map(([name, one]) => [name, h("a", { href: `#/topics/${encodeURIComponent(one.topic)}` }, one.topic), one.group, chip(one.state), one.lag, one.delivered, one.skipped, one.given_up])));
}

function others(queues = {}, pushes = {}) {
  const rows = [
    ...Object.entries(queues).map(([name, one]) => [name, `queue ${named(one.queue)}`, one.function, one.handled, one.failed, ""]),
    ...Object.entries(pushes).map(([name, one]) => [name, `${one.kind === "s3" ? "bucket" : "SNS topic"} ${one.source}`, named(one.target), one.sent, "", one.filtered]),
  ];
  if (!rows.length) return null;
  return h("section", {}, h("h2", {}, "Queues, topics and buckets"), table(["Mapping", "From", "To", "Passed on", "Failed", "Filtered out"], rows));
}

function named(arn) {
  return arn.split(":").at(-1);
}

function linked(address) {
  return address.startsWith("http://") ? h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address) : h("code", {}, address);
}

function table(names, rows) {
  return h("div", { class: "wide" }, h("table", { class: "small" }, h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, at) => h(at ? "td" : "th", { scope: at ? null : "row" }, cell)))))));
}
