// Buttons that copy a text of the page.
import { announce } from "./announce.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
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
}
