// Uploading with progress: from the button, from the sheet with tags, and from a drop.
import { chosenFiles, startDropping } from "./drop.js";
import { fill } from "./fragments.js";
import { UploadPanel } from "./upload_panel.js";
import { UploadQueue } from "./upload_queue.js";
import { UploadTags } from "./upload_tags.js";

export function startUploads() {
  const form = document.querySelector("[data-upload-form]");
  const element = document.querySelector("[data-upload-panel]");
  if (!form || !element) return;
  const tags = new UploadTags(form.elements.tags);
  const queue = new UploadQueue({
    address: form.action,
    token: form.elements.csrf_token.value,
    changed: (item) => {
      panel.note(item);
      if (item.state === "done") document.dispatchEvent(new CustomEvent("autotag:uploaded", { detail: item.document }));
    },
    idle: () => {
      panel.end();
      if (queue.items.some((item) => item.path && item.state === "done")) showFolders();
    },
  });
  const panel = new UploadPanel(element, queue);

  function upload(files, names) {
    if (!files.length) return;
    if (!queue.unfinished && !queue.failed) {
      queue.clear();
      panel.clear();
    }
    panel.add(queue.add(files, { folder: openFolder(), tags: names }));
    queue.pump();
  }

  startSheet(form, tags, upload);
  startDropping((files) => {
    if (!files.length) return panel.say("The folder has no files");
    const names = form.matches(":popover-open") ? tags.read() : [];
    if (!names) return;
    upload(files, names);
    if (form.matches(":popover-open")) form.hidePopover();
  });
  addEventListener("beforeunload", (event) => {
    if (queue.unfinished) event.preventDefault();
  });
}

function startSheet(form, tags, upload) {
  const [files, folder] = form.querySelectorAll("input[type=file]");
  form.noValidate = true;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-upload-open]")) return;
    // Without scripts the button opens the sheet with the plain form.
    event.preventDefault();
    files.click();
  });
  for (const picker of [files, folder]) startPicker(picker, form, tags, upload);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    files.click();
  });
  form.querySelector("[data-upload-folder]").addEventListener("click", () => folder.click());
  form.addEventListener("toggle", (event) => {
    if (event.newState === "closed") tags.clear();
  });
}

function startPicker(picker, form, tags, upload) {
  // Files are sent as soon as they are chosen, so the tags have to be right before.
  picker.addEventListener("click", (event) => {
    if (form.matches(":popover-open") && !tags.read()) event.preventDefault();
  });
  picker.addEventListener("change", () => {
    const names = form.matches(":popover-open") ? tags.read() : [];
    if (names) upload(chosenFiles(picker.files), names);
    picker.value = "";
    // It is also open when the button was pressed before this script was there.
    if (names && form.matches(":popover-open")) form.hidePopover();
  });
}

// Folders that came with the files stand on the page as on any other; what else is on it stays as it is.
async function showFolders() {
  const shown = document.querySelector("[data-folders]");
  if (!shown) return;
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const now = page.querySelector("[data-folders]");
  if (now) fill(shown, now.innerHTML);
}

function openFolder() {
  return document.querySelector("[data-folder-id]")?.dataset.folderId ?? "";
}
