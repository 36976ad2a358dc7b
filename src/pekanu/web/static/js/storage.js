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
  const input = form.querySelector("input[type=file]");
  const note = form.querySelector(".drop span");
  const place = document.getElementById("store-files");
  const button = form.querySelector("button[type=submit]");
  const csrf = form.querySelector("input[name=_csrf]").value;
  const before = note.innerHTML;
  let sending = Promise.resolve();

  const post = async (what, name, body) => {
    const path = `/storage/${what}/${form.dataset.batch}?name=${encodeURIComponent(name)}`;
    const answer = await fetch(path, { method: "POST", body, headers: { "X-CSRF-Token": csrf, "Content-Type": "application/octet-stream" } });
    place.innerHTML = await answer.text();
  };
  const keep = async (files) => {
    button.disabled = true;
    for (const file of files) {
      note.textContent = `Sending ${file.name}…`;
      if (file.size > Number(form.dataset.limit)) {
        say(`${file.name} is too large to be stored from here; the command pekanu store put takes files of any size.`);
        continue;
      }
      try {
        await post("upload", file.name, file);
      } catch {
        say(`${file.name} was not taken: it cannot be read, or the node does not answer.`);
      }
    }
    note.innerHTML = before;
    input.value = "";
    button.disabled = false;
  };
  const take = (files) => {
    const chosen = [...files];
    sending = sending.then(() => keep(chosen));
  };

  input.addEventListener("change", () => take(input.files));
  place.addEventListener("click", (event) => {
    const drop = event.target.closest("[data-drop-stored]");
    if (drop) post("drop", drop.dataset.dropStored, null).then(() => input.focus());
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.querySelector(".drop").toggleAttribute("data-over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files);
    });
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
