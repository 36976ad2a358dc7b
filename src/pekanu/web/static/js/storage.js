// Files that are to be stored, sent one by one as they are chosen; what is asked of a provider.
import { say } from "./page.js";
import { send } from "./request.js";

/** Follow the form, where the page has one, and the buttons of an object. */
export function begin() {
  // These are drawn for all who look, so the token that is sent with them is the page's.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-send]")) return;
    event.preventDefault();
    ask(event.target.getAttribute("action"), []);
  });
  // A file whose bytes alone are what is sent.
  document.addEventListener("change", (event) => {
    const { bring } = event.target.dataset;
    if (bring && event.target.files.length) ask(bring, event.target.files[0]);
  });
  const form = document.getElementById("store-form");
  if (!form) return;
  const inputs = form.querySelectorAll("input[type=file]");
  const note = form.querySelector(".drop span");
  const place = document.getElementById("store-files");
  const button = form.querySelector("button[type=submit]");
  const csrf = form.querySelector("input[name=_csrf]").value;
  const before = note.innerHTML;
  let sending = Promise.resolve();

  const post = async (what, name, body) => {
    const query = new URLSearchParams({ name, modified: Math.floor((body?.lastModified ?? 0) / 1000) });
    const path = `/storage/${what}/${form.dataset.batch}?${query}`;
    const answer = await fetch(path, { method: "POST", body, headers: { "X-CSRF-Token": csrf, "Content-Type": "application/octet-stream" } });
    place.innerHTML = await answer.text();
  };
  const keep = async (found) => {
    button.disabled = true;
    for (const { name, file } of await found) {
      note.textContent = `Sending ${name}…`;
      if (file.size > Number(form.dataset.limit)) {
        say(`${name} is too large to be stored from here; the command pekanu store put takes files of any size.`);
        continue;
      }
      try {
        await post("upload", name, file);
      } catch {
        say(`${name} was not taken: it cannot be read, or the node does not answer.`);
      }
    }
    note.innerHTML = before;
    for (const input of inputs) input.value = "";
    button.disabled = false;
  };
  const take = (found) => {
    sending = sending.then(() => keep(found));
  };

  for (const input of inputs) {
    input.addEventListener("change", () => {
      take([...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file })));
    });
  }
  place.addEventListener("click", (event) => {
    const drop = event.target.closest("[data-drop-stored]");
    if (drop) post("drop", drop.dataset.dropStored, null).then(() => inputs[0].focus());
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.querySelector(".drop").toggleAttribute("data-over", kind === "dragover");
      if (kind === "drop") take(listDropped(event.dataTransfer));
    });
  }
}

// What was dropped, with what is below folders; its list is gone when the event is over.
async function listDropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  return (await Promise.all(entries.map(listEntry))).flat();
}

async function listEntry(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ name: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives a hundred at a time, and none at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...(await listEntry(one)));
  }
}

async function ask(path, content) {
  try {
    const answer = await send(path, content);
    if (answer.ok) return;
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    say(template.content.textContent.replace(/\s+/g, " ").trim());
  } catch {
    say("The node does not answer.");
  }
}
