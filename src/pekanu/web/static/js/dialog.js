// The dialog before anything is signed: the server shows what the exact bytes say.
import { call, getFields, send } from "./request.js";
import { say } from "./page.js";
import { perform, REJECTED } from "./wallet.js";

const dialog = document.getElementById("dialog");
// The form that is reviewed.
let source = null;

/** Open the dialog for each form that names a review. */
export function begin() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-review-request]");
    if (button) review(`/api/requests/${button.dataset.reviewRequest}/review`, []);
  });
  dialog.addEventListener("close", () => {
    const waiting = dialog.querySelector("form[data-withdraw]");
    if (waiting) withdraw(waiting.dataset.walletRequest);
    dialog.replaceChildren();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.review) {
      event.preventDefault();
      const secret = new Set(listSecrets(form).map(([name]) => name));
      review(form.dataset.review, getFields(form).filter(([name]) => !secret.has(name)), form);
    } else if (dialog.contains(form) && form.method === "post") {
      event.preventDefault();
      confirm(form);
    }
  });
}

/** Show the review at an address; the passwords of a form go out when it is confirmed. */
export async function review(path, fields, form = null) {
  source = form;
  try {
    const answer = await send(path, fields);
    show(await answer.text(), answer);
  } catch {
    say("The node does not answer.");
  }
}

function show(text, answer) {
  if (answer.headers.get("Content-Type").startsWith("application/json")) {
    const problem = document.createElement("p");
    problem.className = "problem";
    problem.textContent = Object.values(JSON.parse(text)).filter(Boolean).join(". ");
    dialog.replaceChildren(problem);
  } else {
    dialog.innerHTML = text;
  }
  if (!answer.ok) appendClose();
  if (!dialog.open) dialog.showModal();
}

async function confirm(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    if (form.dataset.walletRequest) {
      await perform(form.dataset.walletRequest);
      form.removeAttribute("data-withdraw");
      dialog.close();
      return;
    }
    // A wallet is asked for more meanwhile, above the page.
    if (form.dataset.signer === "wallet") dialog.close();
    const answer = await send(form.getAttribute("action"), [...getFields(form), ...listSecrets(source)]);
    if (answer.ok && answer.redirected) {
      location.assign(answer.url);
      return;
    }
    show(await answer.text(), answer);
  } catch (error) {
    // What was rejected waits no more; the button of the page begins anew.
    if (error.code === REJECTED) form.remove();
    button.disabled = false;
    if (dialog.open) showProblem(error.message);
    else say(error.message);
  }
}

function listSecrets(form) {
  const inputs = form?.querySelectorAll("input[type=password]") ?? [];
  return [...inputs].map((input) => [input.name, input.value]);
}

async function withdraw(id) {
  try {
    await call(`/api/requests/${id}`, { rejected: true });
  } catch {
    // It waits no more: the wallet has answered it, or said no.
  }
}

function appendClose() {
  const body = document.createElement("div");
  body.className = "review";
  body.append(...dialog.childNodes);
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "ends";
  const button = document.createElement("button");
  button.textContent = "Close";
  form.append(button);
  dialog.append(body, form);
}

function showProblem(message) {
  const place = dialog.querySelector(".review");
  place.querySelectorAll(":scope > .problem").forEach((one) => one.remove());
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  problem.textContent = message;
  place.append(problem);
  problem.scrollIntoView({ block: "nearest" });
}
