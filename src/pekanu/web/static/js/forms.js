// The form of a computation: validated as one types, examples, files, quotes as they come.
import { review } from "./dialog.js";
import { getFields, readEvents, send } from "./request.js";

const PAUSE_MILLISECONDS = 250;

/** Follow the form, where the page has one. */
export function begin() {
  const form = document.getElementById("form");
  if (!form) return;
  const base = `/compute/${form.dataset.function}`;
  const quotes = document.getElementById("quotes");
  const touched = new Set();
  let timer = 0;
  let asked = 0;

  const estimate = async () => {
    const mine = ++asked;
    const answer = await send(`${base}/estimate`, getFields(form));
    const html = await answer.text();
    if (mine !== asked) return;
    const place = document.getElementById("estimate");
    place.innerHTML = html;
    placeProblems(form, place, touched);
  };
  const keepFile = async (name, file) => {
    quotes.replaceChildren();
    touched.add(name);
    if (file.size > Number(form.dataset.limit)) complain(name, `${file.name} is larger than ${form.dataset.limit} bytes.`);
    else await keep(base, name, file);
    await estimate();
  };
  const ask = async () => {
    for (const field of form.querySelectorAll("[data-field]")) touched.add(field.dataset.field);
    const mine = ++asked;
    quotes.setAttribute("aria-busy", "true");
    await readEvents(await send(`${base}/quotes`, getFields(form)), (html) => {
      if (mine !== asked) return false;
      const chosen = quotes.querySelector("input[name=quote][data-chosen]")?.value;
      quotes.innerHTML = html;
      const same = [...quotes.querySelectorAll("input[name=quote]")].find((one) => one.value === chosen);
      if (same) {
        same.checked = true;
        same.dataset.chosen = "";
      }
      return true;
    });
    quotes.removeAttribute("aria-busy");
  };

  form.addEventListener("input", (event) => {
    if (event.target.name === "quote") {
      quotes.querySelectorAll("[data-chosen]").forEach((one) => delete one.dataset.chosen);
      event.target.dataset.chosen = "";
      return;
    }
    if (event.target.type === "file") return;
    if (event.target.type === "range") form.querySelector(`output[for=${event.target.id}]`).value = event.target.value;
    touched.add(event.target.name);
    event.target.closest(".field")?.querySelector(":scope > [data-file]")?.remove();
    quotes.replaceChildren();
    asked += 1;
    clearTimeout(timer);
    timer = setTimeout(estimate, PAUSE_MILLISECONDS);
  });
  form.addEventListener("change", (event) => {
    const { upload } = event.target.dataset;
    if (upload && event.target.files.length) keepFile(upload, event.target.files[0]);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    ask();
  });
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-fill]")) {
      fill(form);
      quotes.replaceChildren();
      estimate();
    } else if (event.target.closest("[data-order]")) {
      review(`${base}/review`, getFields(form));
    } else if (event.target.closest("[data-drop-file]")) {
      restore(form, event.target.closest("[data-drop-file]").dataset.dropFile);
      estimate();
    }
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      const field = event.target.closest(".field");
      const input = field?.querySelector("input[type=file]");
      if (!input) return;
      event.preventDefault();
      field.querySelector(".drop").toggleAttribute("data-over", kind === "dragover");
      const file = event.dataTransfer.files[0];
      if (kind === "drop" && file) keepFile(input.dataset.upload, file);
    });
  }
  // What has a default can be estimated at once; nothing is complained of before it was touched.
  estimate();
}

// The problems of fields stand under them; those of the whole stay beside the estimate.
function placeProblems(form, place, touched) {
  form.querySelectorAll(".field > .problem:not([data-file])").forEach((one) => one.remove());
  form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
  const problems = [...place.querySelectorAll("[data-field]")];
  for (const problem of problems) {
    const name = problem.dataset.field;
    const control = name && form.querySelector(`.field [name="${CSS.escape(name)}"]`);
    if (!control) continue;
    problem.remove();
    if (!touched.has(name) || control.closest(".field").querySelector(":scope > [data-file]")) continue;
    problem.textContent = problem.textContent.replace(`${name}: `, "");
    problem.id = `problem-${name}`;
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", `help-${name} problem-${name}`);
    control.closest(".field").append(problem);
  }
  if (problems.length && !place.querySelector("p")) {
    const hint = document.createElement("p");
    hint.className = "quiet";
    hint.textContent = "Fill in the input, or use the example, to see what it takes.";
    place.append(hint);
  }
}

const originals = new Map();

function fill(form) {
  for (const name of originals.keys()) restore(form, name);
  for (const field of form.querySelectorAll("[data-example]")) field.value = field.dataset.example;
}

// A field that holds a file becomes what it was before.
function restore(form, name) {
  const held = form.querySelector(`#field-${CSS.escape(name)}`);
  const original = originals.get(name);
  if (!held || !original) return;
  held.replaceWith(original);
  originals.delete(name);
  original.querySelectorAll(".problem").forEach((one) => one.remove());
  original.querySelector("input[type=file]").value = "";
  original.querySelector("input, textarea").focus();
}

async function keep(base, name, file) {
  const place = document.getElementById(`field-${name}`);
  const note = place.querySelector(".drop span");
  const before = note?.innerHTML;
  if (note) note.textContent = `Sending ${file.name}…`;
  const fields = new FormData();
  fields.append("file", file);
  const template = document.createElement("template");
  let isKept = false;
  try {
    const answer = await send(`${base}/upload/${name}`, fields);
    template.innerHTML = await answer.text();
    isKept = answer.ok;
  } catch {
    complain(name, `${file.name} was not taken: the node does not answer.`);
  }
  if (note) note.innerHTML = before;
  const field = template.content.querySelector(".field");
  if (isKept && field && !field.querySelector(":scope > .problem")) {
    if (!originals.has(name)) originals.set(name, place);
    place.replaceWith(field);
    return;
  }
  for (const problem of template.content.querySelectorAll(".problem")) complain(name, problem.textContent);
}

// What is wrong with a file stays until another one is taken, or something is typed.
function complain(name, text) {
  const place = document.getElementById(`field-${name}`);
  place.querySelectorAll(":scope > .problem").forEach((one) => one.remove());
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.dataset.file = "";
  problem.setAttribute("role", "alert");
  problem.textContent = text.trim();
  place.append(problem);
}
