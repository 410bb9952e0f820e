// The page of one document: tags, state and preview appear while the file is tagged.
import { announce } from "./announce.js";
import { fill } from "./fragments.js";
import { fetchJson, poll } from "./polling.js";

const section = document.querySelector("[data-tagging]");

async function update() {
  if (!("pending" in section.dataset)) return false;
  const answer = await fetchJson(section.dataset.taggingUrl);
  if (!answer) return false;
  fill(section.querySelector("[data-tagging-block]"), answer.html);
  fill(document.querySelector("[data-preview]"), answer.preview);
  fill(document.querySelector("[data-details]"), answer.details);
  if (answer.pending) return true;
  delete section.dataset.pending;
  announce(answer.announcement);
  return false;
}

poll(update).wake();
