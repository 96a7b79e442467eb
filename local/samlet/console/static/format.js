// How times, sizes, states and JSON are shown.
import { h } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const LARGEST_COLOURED = 60000;

/** Local time of day of epoch seconds, with the date if it is another day. */
export function clock(seconds, withMillis = false) {
  const moment = new Date(seconds * 1000);
  const millis = withMillis ? `.${String(moment.getMilliseconds()).padStart(3, "0")}` : "";
  const today = moment.toDateString() === new Date().toDateString();
  return `${today ? "" : `${DAY.format(moment)} `}${CLOCK.format(moment)}${millis}`;
}

/** A time in a zone, as `2026-11-21 00:00 Europe/Berlin`. */
export function inZone(iso, zone) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", weekday: "short",
  }).formatToParts(new Date(iso));
  const of = (type) => parts.find((part) => part.type === type).value;
  return `${of("weekday")} ${of("year")}-${of("month")}-${of("day")} ${of("hour")}:${of("minute")}`;
}

/** How far away a moment is, in one unit. */
export function distance(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1000;
  const size = Math.abs(seconds);
  const [value, unit] = size < 90 ? [size, "s"] : size < 5400 ? [size / 60, "min"] : size < 129600 ? [size / 3600, "h"] : [size / 86400, "d"];
  return seconds < 0 ? `${Math.round(value)} ${unit} ago` : `in ${Math.round(value)} ${unit}`;
}

export function millis(value) {
  if (value === null || value === undefined) return "";
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 10000) return `${Math.round(value).toLocaleString()} ms`;
  return value < 90000 ? `${(value / 1000).toFixed(1)} s` : inMinutes(value / 1000);
}

/** How long ago a moment of epoch seconds is, in whole seconds. */
export function elapsed(since) {
  const seconds = Math.max(0, Math.floor(Date.now() / 1000 - since));
  return seconds < 90 ? `${seconds} s` : inMinutes(seconds);
}

function inMinutes(seconds) {
  const whole = Math.round(seconds);
  return whole < 5400 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "";
  if (value < 1024) return `${value} B`;
  return value < 1048576 ? `${(value / 1024).toFixed(1)} kB` : `${(value / 1048576).toFixed(1)} MB`;
}

export const count = (value) => Number(value).toLocaleString();

export function chip(state, text = state) {
  return h("span", { class: `chip ${String(state).replaceAll(" ", "-")}` }, text ?? "unknown");
}

/** JSON on several lines, in colours; other text as it is. */
export function json(text, label) {
  const pretty = prettied(text);
  const block = h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label });
  if (pretty === null || pretty.length > LARGEST_COLOURED) block.append(pretty ?? text);
  else block.append(...coloured(pretty));
  return block;
}

function prettied(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

function* coloured(text) {
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\b/g;
  let end = 0;
  for (const match of text.matchAll(token)) {
    if (match.index > end) yield text.slice(end, match.index);
    if (match[2] !== undefined) {
      yield h("span", { class: "key" }, match[1]);
      yield match[2];
    } else yield h("span", { class: match[1] ? "string" : "value" }, match[0]);
    end = match.index + match[0].length;
  }
  yield text.slice(end);
}
