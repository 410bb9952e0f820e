// What is asked before something is done to many documents: its own page, or the page's form in a dialog.
import { Combobox } from "./combobox.js";

function start(sheet) {
  const combobox = sheet.querySelector("[data-combobox]");
  if (combobox) new Combobox(combobox);
}

// Fetches the page to which a form leads, and shows its form in a dialog over this one.
export async function openSheet(event) {
  event.preventDefault();
  const form = event.target;
  const button = event.submitter;
  button.closest("[data-menu]")?.removeAttribute("open");
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const body = new FormData(form, button);
  const response = await fetch(form.action, { method: "POST", body }).catch(() => null);
  form.removeAttribute("aria-busy");
  const answer = response?.ok && new DOMParser().parseFromString(await response.text(), "text/html");
  const sheet = answer && answer.querySelector("[data-bulk-sheet]");
  if (sheet) return showSheet(sheet, button);
  const notices = answer ? answer.querySelectorAll("[data-notice]") : [];
  // Without an answer the browser asks itself, and shows what comes.
  if (!notices.length) return sendPlainly(form, button);
  document.getElementById("content").prepend(...notices);
}

function sendPlainly(form, button) {
  delete button.dataset.bulkDialog;
  form.requestSubmit(button);
}

function showSheet(sheet, opener) {
  const dialog = document.createElement("dialog");
  dialog.className = "bulk-dialog";
  dialog.setAttribute("aria-labelledby", "bulk-heading");
  dialog.append(document.adoptNode(sheet));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener.checkVisibility()) opener.focus();
    else document.querySelector("[data-bulk-bar] summary")?.focus();
  });
  dialog.addEventListener("click", (event) => {
    const outside = event.target === dialog;
    if (!outside && !event.target.closest("[data-bulk-cancel]")) return;
    event.preventDefault();
    dialog.close();
  });
  document.body.append(dialog);
  start(sheet);
  dialog.showModal();
}

const own = document.querySelector("main [data-bulk-sheet]");
if (own) start(own);
