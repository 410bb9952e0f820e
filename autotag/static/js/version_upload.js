// A new version by one button, with progress. Without scripts the plain form does the same.
import { sendFile } from "./transfer.js";

export function startVersionUpload() {
  const form = document.querySelector("[data-version-form]");
  if (!form) return;
  const picker = form.elements.file;
  const button = form.querySelector("button");
  const bar = form.querySelector("progress");
  const problem = form.querySelector("[data-version-error]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (picker.files.length) upload();
    else picker.click();
  });
  // The button asks for the file.
  form.noValidate = true;
  picker.addEventListener("change", () => picker.files.length && upload());

  async function upload() {
    problem.textContent = "";
    button.disabled = true;
    bar.hidden = false;
    const result = await sendFile(picker.files[0], {
      address: form.action,
      token: form.elements.csrf_token.value,
      tags: [],
      onProgress: (part) => (bar.value = part),
    }).done;
    if (result.state === "done") return location.assign(result.document.url);
    problem.textContent = result.reason ?? "The page was open too long. Reload it.";
    picker.value = "";
    bar.hidden = true;
    bar.value = 0;
    button.disabled = false;
    button.focus();
  }
}
