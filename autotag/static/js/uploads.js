// Uploading with progress: from the button, from the sheet with tags, and from a drop.
import { startDropping } from "./drop.js";
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
    idle: () => panel.end(),
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
  const picker = form.querySelector("input[type=file]");
  form.noValidate = true;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-upload-open]")) return;
    // Without scripts the button opens the sheet with the plain form.
    event.preventDefault();
    picker.click();
  });
  // Files are sent as soon as they are chosen, so the tags have to be right before.
  picker.addEventListener("click", (event) => {
    if (form.matches(":popover-open") && !tags.read()) event.preventDefault();
  });
  picker.addEventListener("change", () => {
    const names = form.matches(":popover-open") ? tags.read() : [];
    if (names) upload([...picker.files], names);
    picker.value = "";
    // It is also open when the button was pressed before this script was there.
    if (names && form.matches(":popover-open")) form.hidePopover();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    picker.click();
  });
  form.addEventListener("toggle", (event) => {
    if (event.newState === "closed") tags.clear();
  });
}

function openFolder() {
  return document.querySelector("[data-folder-id]")?.dataset.folderId ?? "";
}
