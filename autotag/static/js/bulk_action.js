// The page of an action over many documents: how far it has come, without a reload.
import { announce } from "./announce.js";
import { fetchJson, poll } from "./polling.js";

const section = document.querySelector("[data-bulk-action]");

async function update() {
  if (!("pending" in section.dataset)) return false;
  const answer = await fetchJson(section.dataset.progressUrl);
  if (!answer) return false;
  if (answer.pending) return advance(answer.html);
  delete section.dataset.pending;
  section.querySelector("[data-bulk-progress]").innerHTML = answer.html;
  announce(section.querySelector("[data-bulk-words]").textContent);
  return false;
}

// Buttons stay what they are, so that none is replaced under somebody's finger.
function advance(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const part of ["[data-bulk-words]", ".bulk-progress"]) {
    const now = section.querySelector(part);
    const next = template.content.querySelector(part);
    if (now && next) now.replaceWith(next);
  }
  return true;
}

poll(update).wake();
