// The page of one document: tags, state and preview appear while the file is tagged.
import { announce } from "./announce.js";
import "./copy.js";
import { show } from "./document_parts.js";
import { fetchJson, poll } from "./polling.js";
import { startSteps } from "./steps.js";
import { startTagEditor } from "./tag_editor.js";
import { startVersionUpload } from "./version_upload.js";

const page = document.querySelector("[data-document]");

async function update() {
  if (!("pending" in page.dataset)) return false;
  const answer = await fetchJson(page.dataset.partsUrl);
  if (!answer) return false;
  show(answer);
  if (answer.pending) return true;
  announce(answer.announcement);
  return false;
}

const live = poll(update);
startSteps();
startTagEditor(live);
startVersionUpload();
live.wake();
