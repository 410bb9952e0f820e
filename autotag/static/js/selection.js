// Selecting many: check boxes, ranges, keys, and the bar that says what can be done with them.
import { announce } from "./announce.js";
import { openSheet } from "./bulk_page.js";

const grid = document.querySelector("[data-document-grid]");
const bar = document.querySelector("[data-bulk-bar]");
const all = bar?.querySelector("[data-bulk-all]");
const page = document.querySelector("[data-bulk-page]");
const until = Number(bar?.elements.until?.value) || Infinity;
// Cards are made anew while their files are tagged; this is what stays.
let selected = new Set();
let anchor = null;

const boxes = () => [...grid.querySelectorAll(".card-check")];
const isFree = (target) => !target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog");

// Brings page and bar in line with the boxes that are ticked.
function show({ quiet = false } = {}) {
  selected = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const number = selected.size;
  const open = number > 0 || all?.checked;
  bar.classList.toggle("is-open", Boolean(open));
  grid.classList.toggle("is-selecting", Boolean(open));
  if (page) {
    page.checked = number > 0 && number === boxes().length;
    page.indeterminate = number > 0 && !page.checked;
  }
  const text = all?.checked ? "All selected" : `${number.toLocaleString("en")} selected`;
  const count = bar.querySelector("[data-bulk-count]");
  const most = Number(bar.dataset.most);
  count.textContent = number > most && !all?.checked ? `${text}, at most ${most} one by one` : text;
  if (!quiet) announce(open ? count.textContent : "Nothing selected");
}

// Ticks or unticks what lies between the last box that was touched and this one.
function range(box) {
  const every = boxes();
  const ends = [every.findIndex((other) => other.value === anchor), every.indexOf(box)];
  if (ends[0] < 0) return;
  for (const other of every.slice(Math.min(...ends), Math.max(...ends) + 1)) other.checked = box.checked;
}

function touched(box, withRange) {
  if (withRange) range(box);
  anchor = box.value;
  if (all && !box.checked) all.checked = false;
  show();
}

function toggle(box, withRange) {
  box.checked = !box.checked;
  touched(box, withRange);
}

function setAll(checked) {
  for (const box of boxes()) box.checked = checked && Number(box.value) <= until;
  show();
}

function leave() {
  if (all) all.checked = false;
  setAll(false);
}

function clicked(event) {
  const box = event.target.closest(".card-check");
  if (box) return touched(box, event.shiftKey);
  // While one selects, a click on a card means the card; the keyboard and the other buttons still open it.
  const card = event.target.closest("[data-card]");
  const link = event.target.closest("a");
  const selecting = grid.classList.contains("is-selecting");
  if (!card || !link || !event.detail || event.ctrlKey || event.metaKey || !(selecting || event.shiftKey)) return;
  event.preventDefault();
  toggle(card.querySelector(".card-check"), event.shiftKey);
}

function pressed(event) {
  if (event.altKey || !isFree(event.target)) return;
  const withControl = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (key === "a" && withControl && !event.shiftKey && boxes().length) setAll(true);
  else if (key === "x" && !withControl) {
    const box = event.target.closest("[data-card]")?.querySelector(".card-check");
    if (!box) return;
    toggle(box, event.shiftKey);
  } else if (key === "escape" && bar.classList.contains("is-open")) {
    // What is open over the page closes first.
    if (document.querySelector("[data-menu][open], dialog[open], :popover-open")) return;
    leave();
  } else return;
  event.preventDefault();
}

// New cards, and cards in new clothes, are ticked as they were or as all the others are.
function changed() {
  for (const box of boxes()) {
    if (selected.has(box.value) || (all?.checked && Number(box.value) <= until)) box.checked = true;
  }
  show({ quiet: true });
}

if (grid && bar) {
  grid.addEventListener("click", clicked);
  // Shift and a click on text would select the text.
  grid.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault());
  document.addEventListener("keydown", pressed, true);
  all?.addEventListener("change", () => setAll(all.checked));
  page?.addEventListener("change", () => setAll(page.checked));
  bar.querySelector("[data-bulk-leave]").addEventListener("click", () => {
    leave();
    document.getElementById("content")?.focus();
  });
  bar.addEventListener("submit", (event) => {
    if (event.submitter && "bulkDialog" in event.submitter.dataset) openSheet(event);
  });
  new MutationObserver(changed).observe(grid, { childList: true });
  // The browser ticks boxes again when one comes back to the page.
  window.addEventListener("pageshow", () => show({ quiet: true }));
  show({ quiet: true });
}
