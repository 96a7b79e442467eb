// Asks the console; what goes wrong is an Error with words for a person.

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);

async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("Samlet does not answer. Is it still running?");
  }
  const text = await response.text();
  const content = text ? read(text) : null;
  if (!response.ok) throw Object.assign(new Error(content?.error ?? `${response.status} ${response.statusText}`), { status: response.status });
  return content;
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { error: text.slice(0, 200) };
  }
}

/** A path out of parts, each of them encoded. */
export function path(...parts) {
  return parts.map((part, place) => (place ? encodeURIComponent(part) : part)).join("/");
}
