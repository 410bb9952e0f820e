// The parts of the operations page: each second while something moves, and now and then while nothing does.
import { announce } from "./announce.js";
import { fill } from "./fragments.js";
import { fetchJson, poll } from "./polling.js";

const IDLE = 15000;

const page = document.querySelector("[data-operations]");

// What stays the same of a link or a button when the part around it is made anew.
function identity(element) {
  return element.getAttribute("formaction") ?? element.getAttribute("href");
}

// A button that somebody is on keeps the focus, though it is another one now.
function refill(part, html) {
  const focused = part.contains(document.activeElement) ? identity(document.activeElement) : null;
  fill(part, html);
  if (!focused || part.contains(document.activeElement)) return;
  const again = [...part.querySelectorAll("a, button")].find((element) => identity(element) === focused);
  again?.focus({ preventScroll: true });
}

async function update() {
  const answer = await fetchJson(page.dataset.operationsUrl);
  if (!answer) return false;
  for (const part of page.querySelectorAll("[data-part]")) refill(part, answer.sections[part.dataset.part]);
  if (moves && !answer.pending) announce("Nothing is on its way any more");
  moves = answer.pending;
  return moves || IDLE;
}

let moves = "pending" in page.dataset;
const live = poll(update);
if (moves) live.wake();
else setTimeout(live.wake, IDLE);
document.addEventListener("autotag:uploaded", () => live.wake());
