// Sends one file and reports how far it is; fetch cannot report progress of what it sends.
//
// Resolves to { state: "done", document }, { state: "refused", reason } when sending again would not help,
// or { state: "interrupted", reason } when it may.
export function sendFile(file, { address, token, onProgress }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", token);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => resolve(outcome(request)));
    request.addEventListener("error", () => resolve(interrupted("The connection broke.")));
    request.addEventListener("abort", () => resolve(interrupted("Stopped.")));
    const body = new FormData();
    body.append("file", file, file.name);
    request.send(body);
  });
}

function interrupted(reason) {
  return { state: "interrupted", reason };
}

function outcome(request) {
  const answer = parse(request.responseText);
  if (request.status === 201 && answer) return { state: "done", document: answer };
  if (request.status === 401) return { state: "refused", reason: "The session has ended. Sign in again." };
  if (answer?.code === "csrf") return { state: "refused", reason: "The page was open too long. Reload it." };
  if (request.status === 429) return interrupted("Too many uploads at once. Wait a minute.");
  if (request.status >= 500) return interrupted(answer?.detail ?? "The server did not take the file.");
  if (request.status === 413) return { state: "refused", reason: answer?.detail ?? "The file is too large." };
  return { state: "refused", reason: answer?.detail ?? `The server refused the file (${request.status}).` };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
