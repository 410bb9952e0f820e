// Buttons that copy a text of the page.
import { announce } from "./announce.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Without permission the text is at least selected.
    getSelection().selectAllChildren(source);
    return;
  }
  button.querySelector("[data-copy-label]").textContent = "Copied";
  announce("Copied");
});
