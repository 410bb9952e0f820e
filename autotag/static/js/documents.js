// The list: files that change while they are tagged, new files in front, more files at the end, in each view.
import { announce } from "./announce.js";
import { elementFrom, localizeTimes } from "./fragments.js";
import { fetchJson, poll } from "./polling.js";

const AT_ONCE = 100;
// How long files that were just uploaded are collected before the list asks for their rows.
const GATHERING = 150;

const grid = document.querySelector("[data-document-grid]");
const count = document.querySelector("[data-document-count]");
const live = poll(update);
const uploaded = [];
let turn = 0;
let gathering = 0;

// With more cards waiting than one request may name, they take turns.
function nextIds() {
  const ids = [...grid.querySelectorAll("[data-pending]")].map((card) => card.dataset.card);
  const first = turn < ids.length ? turn : 0;
  turn = first + AT_ONCE;
  return ids.slice(first, first + AT_ONCE);
}

async function update() {
  const ids = nextIds();
  if (!ids.length) return false;
  const answer = await askFor(ids);
  if (!answer) return false;
  const finished = ids.map((id) => replaceCard(id, answer.cards[id])).filter(Boolean);
  if (finished.length > 3) announce(`${finished.length} files are ready`);
  else announce(finished.join(". "));
  return Boolean(grid.querySelector("[data-pending]"));
}

function askFor(ids) {
  const address = new URL(grid.dataset.cardsUrl, location.href);
  for (const id of ids) address.searchParams.append("id", id);
  return fetchJson(address);
}

function cardFrom(html) {
  const card = elementFrom(html);
  localizeTimes(card);
  return card;
}

// Puts a card in place of its former self; returns what to announce when it came to its end.
function replaceCard(id, html) {
  const former = grid.querySelector(`[data-card="${id}"]`);
  if (!former) return "";
  if (!html) {
    former.remove();
    return "";
  }
  const card = cardFrom(html);
  if (card.dataset.version === former.dataset.version) return "";
  keepPicture(former, card);
  const [check, wasCheck] = [card, former].map((each) => each.querySelector(".card-check"));
  if (check && wasCheck) check.checked = wasCheck.checked;
  const focused = former.contains(document.activeElement) && document.activeElement;
  former.replaceWith(card);
  if (focused) card.querySelector(focused.matches(".card-check") ? ".card-check" : ".card-link").focus({ preventScroll: true });
  return "pending" in card.dataset ? "" : card.dataset.announcement;
}

// The same picture in a new element would blink.
function keepPicture(former, card) {
  const before = former.querySelector(".picture");
  const after = card.querySelector(".picture");
  if (before && after && before.src === after.src) after.replaceWith(before);
}

// A file that was uploaded stands first in a list of the newest; in any other, the panel of uploads leads to it.
function addUploaded({ id, card, folder_id: folder }) {
  if (!("plain" in grid.dataset) || !isShownHere(folder)) return;
  if (grid.dataset.view === "cards") return addInFront([card]);
  uploaded.push(id);
  gathering ||= setTimeout(gather, GATHERING);
}

// At the top, files of all folders are listed; in a folder only its own.
function isShownHere(folder) {
  const open = document.querySelector("[data-folder-id]")?.dataset.folderId;
  return !open || open === String(folder);
}

async function gather() {
  gathering = 0;
  const ids = uploaded.splice(0, AT_ONCE);
  const answer = await askFor(ids).catch(() => null);
  if (answer) addInFront(ids.map((id) => answer.cards[id]).filter(Boolean));
  if (uploaded.length) gathering ||= setTimeout(gather, GATHERING);
}

function addInFront(cards) {
  document.querySelector("[data-empty-state]")?.remove();
  (grid.closest("[data-document-table]") ?? grid).hidden = false;
  for (const card of cards) grid.prepend(cardFrom(card));
  const total = Number(count.dataset.documentCount) + cards.length;
  count.dataset.documentCount = total;
  if (total <= Number(count.dataset.countedAtMost)) {
    count.textContent = `${total.toLocaleString("en")} ${total === 1 ? "file" : "files"}`;
  }
  live.wake();
}

async function loadMore(event) {
  const link = event.target.closest("[data-load-more]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.ariaBusy === "true") return;
  link.ariaBusy = "true";
  const response = await fetch(link.href).catch(() => null);
  // Whatever went wrong, the page itself will say.
  if (!response?.ok || response.redirected) return location.assign(link.href);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const cards = [...page.querySelectorAll("[data-card]")].filter(
    (card) => !grid.querySelector(`[data-card="${card.dataset.card}"]`),
  );
  cards.forEach(localizeTimes);
  grid.append(...cards);
  const next = page.querySelector("[data-load-more]");
  if (next) link.replaceWith(next);
  else link.parentElement.remove();
  cards[0]?.querySelector(".card-link").focus({ preventScroll: true });
  announce(`${cards.length} more files`);
  live.wake();
}

document.addEventListener("autotag:uploaded", (event) => addUploaded(event.detail));
document.addEventListener("click", loadMore);
live.wake();
