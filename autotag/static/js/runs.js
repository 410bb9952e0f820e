// The page of one run: progress, buttons and files follow it without a reload.
import { announce } from "./announce.js";
import { elementFrom } from "./fragments.js";
import { fetchJson, poll } from "./polling.js";

const page = document.querySelector("[data-run]");
const progress = page.querySelector("[data-run-progress]");
const actions = page.querySelector("[data-run-actions]");
const files = page.querySelector("[data-run-files]");

async function update() {
  if (!("live" in page.dataset)) return false;
  const answer = await fetchJson(page.dataset.runUrl);
  if (!answer) return false;
  showProgress(answer.progress);
  if (actions.dataset.runState !== answer.state || !answer.pending) {
    actions.dataset.runState = answer.state;
    replace(actions, answer.actions);
  }
  // The buttons among the files must not be taken from under somebody's hand.
  if (!files.contains(document.activeElement)) replace(files, answer.files);
  if (answer.pending) return true;
  delete page.dataset.live;
  announce(answer.announcement);
  return false;
}

// The bar stays the same element, so that it moves rather than blinks.
function showProgress(html) {
  const next = elementFrom(`<div>${html}</div>`);
  const bar = progress.querySelector("progress");
  const after = next.querySelector("progress");
  if (bar && after) {
    bar.max = after.max;
    bar.value = after.value;
    after.replaceWith(bar);
  }
  progress.replaceChildren(...next.childNodes);
}

function replace(container, html) {
  const held = container.contains(document.activeElement);
  keepPictures(container, html);
  if (held) page.querySelector("[data-run-title]").focus({ preventScroll: true });
}

// The same picture in a new element would blink.
function keepPictures(container, html) {
  const next = elementFrom(`<div>${html}</div>`);
  for (const picture of next.querySelectorAll("img")) {
    const shown = container.querySelector(`img[src="${CSS.escape(picture.getAttribute("src"))}"]`);
    if (shown) picture.replaceWith(shown);
  }
  container.replaceChildren(...next.childNodes);
}

poll(update).wake();
