// Calls of the API from pages: JSON in and out; an error answer becomes a Problem with the service's sentence.

export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? `the service answered with status ${status}`);
    this.status = status;
    this.document = document;
  }
}

export async function send(method, path, { body, headers = {}, keepalive = false, signal } = {}) {
  const answer = await fetch(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    keepalive,
    signal,
  });
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!answer.ok) {
    throw new Problem(answer.status, await answer.json().catch(() => ({})));
  }
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, options) => send("GET", path, options);

export function query(values) {
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return known.length ? `?${new URLSearchParams(known)}` : "";
}
