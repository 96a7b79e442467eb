// The tokens, kept in LocalStorage so that a reload or a second tab stays logged in.

const KEY = "taskflow.session";

export function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null; // somebody wrote something else there: the same as logged out
  }
}

export function write(tokens) {
  localStorage.setItem(KEY, JSON.stringify({ access: tokens.access_token, refresh: tokens.refresh_token }));
}

export function clear() {
  localStorage.removeItem(KEY);
}

/** Calls back when another tab logs in or out. */
export function onChange(callback) {
  addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) callback();
  });
}
