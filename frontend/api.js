// The HTTP contract, one function a call. Every failure is an ApiError whose message can be shown to a person.

import * as session from "./session.js";

const WORDS = {
  email_taken: "There is an account with this address already. Log in instead?",
  invalid_credentials: "This address and password do not belong together.",
  too_many_attempts: "Too many failed attempts. Try again later.",
  version_mismatch: "This task was changed elsewhere in the meantime.",
};
const REQUEST_TIMEOUT_MS = 20_000;

let base;

export class ApiError extends Error {
  constructor(status, code, message, fields = {}) {
    super(message);
    Object.assign(this, { status, code, fields });
  }
}

async function origin() {
  if (base === undefined) {
    const response = await fetch("config.json", { cache: "no-store" });
    if (!response.ok) throw new ApiError(response.status, "no_config", "This page is not set up: config.json is missing.");
    base = (await response.json()).api;
  }
  return base;
}

function inWords(status, problem) {
  if (status === 429 || WORDS[problem?.code]) return WORDS[problem?.code] ?? "The service is busy. Try again in a moment.";
  if (status >= 500 || !problem) return "The service does not answer properly just now. Nothing was lost; try again in a moment.";
  return problem.detail ?? problem.title ?? "That did not work.";
}

function fieldErrors(problem) {
  const entries = (problem?.errors ?? []).map((error) => [String(error.field).split(".").pop(), error.message ?? error.detail]);
  return Object.fromEntries(entries);
}

async function send(method, path, { body, token, headers = {} } = {}) {
  const url = (await origin()) + path;
  const init = { method, headers: { ...headers }, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) };
  if (token) init.headers.authorization = `Bearer ${token}`;
  if (body !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new ApiError(0, "unreachable", "The service cannot be reached. Check the connection and try again.");
  }
  const text = await response.text();
  let parsed = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    // not JSON: only the status counts
  }
  if (!response.ok) throw new ApiError(response.status, parsed?.code, inWords(response.status, parsed), fieldErrors(parsed));
  return parsed;
}

/** Rotates the tokens once, however many tabs and requests ask for it: a reused refresh token ends the session. */
async function rotate(stale) {
  const rotation = async () => {
    const current = session.read();
    if (!current || current.access !== stale) return current?.access;
    const tokens = await send("POST", "/auth/refresh", { body: { refresh_token: current.refresh } });
    session.write(tokens);
    return tokens.access_token;
  };
  return navigator.locks ? navigator.locks.request("taskflow.refresh", rotation) : rotation();
}

async function authorized(method, path, options = {}) {
  const access = session.read()?.access;
  try {
    return await send(method, path, { ...options, token: access });
  } catch (error) {
    if (error.status !== 401 || !access) throw error;
  }
  let renewed;
  try {
    renewed = await rotate(access);
  } catch (error) {
    if (error.status === 401) session.clear();
    throw error.status === 401 ? new ApiError(401, "logged_out", "You have been logged out. Log in again.") : error;
  }
  return send(method, path, { ...options, token: renewed });
}

export async function register(email, password) {
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  return send("POST", "/auth/register", { body: { email, password, timezone } });
}

export async function logIn(email, password) {
  session.write(await send("POST", "/auth/login", { body: { email, password } }));
}

export async function logOut() {
  const current = session.read();
  session.clear();
  if (current) await send("POST", "/auth/logout", { body: { refresh_token: current.refresh }, token: current.access });
}

export const me = () => authorized("GET", "/me");

export function listTasks({ done, cursor }) {
  const query = new URLSearchParams();
  if (done) query.set("done", done);
  if (cursor) query.set("cursor", cursor);
  return authorized("GET", `/tasks?${query}`);
}

export const addTask = (title) => authorized("POST", "/tasks", { body: { title } });
export const changeTask = (id, change) => authorized("PATCH", `/tasks/${id}`, { body: change });
export const deleteTask = (id) => authorized("DELETE", `/tasks/${id}`);
export const restoreTask = (id) => authorized("POST", `/tasks/${id}/restore`);
