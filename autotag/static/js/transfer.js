// Sends one file and reports how far it is; fetch cannot report progress of what it sends.
//
// `done` resolves to what became of it:
//   { state: "done", document }
//   { state: "refused", reason }                     sending it again would not help
//   { state: "interrupted", reason, again, after }   it may help; `again`: by itself, in `after` seconds if known
//   { state: "interrupted", reason, ended }          not before the person has signed in again
//   { state: "stale" }                               the page's token is no longer good
//   { state: "cancelled" }
// `cancel` stops it.
export function sendFile(file, { address, token, folder, path, tags, again, onProgress }) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve) => {
    request.open("POST", address);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", token);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => resolve(outcome(request)));
    request.addEventListener("error", () => resolve(passing("The connection broke.")));
    request.addEventListener("abort", () => resolve({ state: "cancelled", reason: "Cancelled." }));
    const body = new FormData();
    if (folder) body.append("folder_id", folder);
    if (path) body.append("path", path);
    for (const tag of tags) body.append("tags", tag);
    // The server may have it already, and only its answer was lost.
    if (again) body.append("again", "1");
    body.append("file", file, file.name);
    request.send(body);
  });
  return { done, cancel: () => request.abort() };
}

function passing(reason, after = 0) {
  return { state: "interrupted", reason, again: true, after };
}

function refused(reason) {
  return { state: "refused", reason };
}

function outcome(request) {
  const answer = parse(request.responseText);
  const { status } = request;
  if (status === 201 && answer) return { state: "done", document: answer, reason: "" };
  if (status === 401) {
    return { state: "interrupted", reason: "The session has ended. Sign in again, then retry.", ended: true };
  }
  if (answer?.code === "csrf") return { state: "stale" };
  if (status === 429) return passing("Too many uploads at once.", retryAfter(request));
  // The disk does not become larger by asking again.
  if (status === 507) return { state: "interrupted", reason: answer?.detail ?? "The disk is full." };
  if (status >= 500) return passing("The server did not answer as it should.", retryAfter(request));
  if (status === 413) return refused(answer?.detail ?? "The file is too large.");
  return refused(answer?.detail ?? `The server refused the file (${status}).`);
}

function retryAfter(request) {
  return Number(request.getResponseHeader("Retry-After")) || 0;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
