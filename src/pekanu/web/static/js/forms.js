// The form of a computation: validated as one types, examples, files, quotes.
import { review } from "./dialog.js";
import { getFields, send } from "./request.js";

const PAUSE_MILLISECONDS = 250;

/** Follow the form, where the page has one. */
export function begin() {
  const form = document.getElementById("form");
  if (!form) return;
  const base = `/compute/${form.dataset.function}`;
  let timer = 0;
  let asked = 0;
  const estimate = async () => {
    const mine = ++asked;
    const answer = await send(`${base}/estimate`, getFields(form));
    const html = await answer.text();
    if (mine === asked) document.getElementById("estimate").innerHTML = html;
  };
  form.addEventListener("input", (event) => {
    if (event.target.name === "quote" || event.target.type === "file") return;
    document.getElementById("quotes").replaceChildren();
    clearTimeout(timer);
    timer = setTimeout(estimate, PAUSE_MILLISECONDS);
  });
  form.addEventListener("change", async (event) => {
    const { upload } = event.target.dataset;
    if (upload && event.target.files.length) {
      await keep(base, upload, event.target.files[0]);
      await estimate();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = document.getElementById("quotes");
    place.textContent = "Asking workers…";
    place.innerHTML = await (await send(`${base}/quotes`, getFields(form))).text();
  });
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-fill]")) {
      for (const field of form.querySelectorAll("[data-example]")) field.value = field.dataset.example;
      estimate();
    } else if (event.target.closest("[data-order]")) {
      review(`${base}/review`, getFields(form));
    }
  });
  for (const kind of ["dragover", "drop"]) {
    form.addEventListener(kind, async (event) => {
      const input = event.target.closest(".field")?.querySelector("input[type=file]");
      if (!input) return;
      event.preventDefault();
      if (kind === "drop" && event.dataTransfer.files.length) {
        await keep(base, input.dataset.upload, event.dataTransfer.files[0]);
        await estimate();
      }
    });
  }
}

async function keep(base, name, file) {
  const fields = new FormData();
  fields.append("file", file);
  const answer = await send(`${base}/upload/${name}`, fields);
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  const field = template.content.querySelector(".field");
  if (answer.ok && field) document.getElementById(`field-${name}`).replaceWith(field);
  else document.getElementById("estimate").replaceChildren(template.content);
}
