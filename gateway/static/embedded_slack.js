// What htmx does not do by itself on the page of the embedded Slack: scrolling, focus, Escape, emptying the composer.
"use strict";

const near = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 120;
const toEnd = (box) => { box.scrollTop = box.scrollHeight; };

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".messages").forEach((box) => {
    const fresh = box.querySelector(".new");
    if (fresh) fresh.scrollIntoView({ block: "start" }); else toEnd(box);
  });
  focusDialog();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const box = event.detail.target;
  if (box.classList.contains("messages")) box.dataset.follow = near(box) ? "yes" : "";
});

document.addEventListener("htmx:afterSwap", (event) => {
  const box = event.detail.target;
  if (box.classList.contains("messages") && box.dataset.follow) toEnd(box);
  if (box.id === "modal") focusDialog();
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target;
  if (form.matches && form.matches("form[data-reset]") && event.detail.successful) form.reset();
});

document.addEventListener("htmx:sendError", () => say("The gateway does not answer. Is it running?"));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.requestConfig.verb !== "get") say("The gateway refused this (HTTP " + event.detail.xhr.status + ").");
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const close = document.querySelector(".dialog [data-close]");
  if (close) close.click();
  document.querySelectorAll("details.picker[open]").forEach((one) => { one.open = false; });
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-url]");
  if (link) window.open(link.dataset.url, "_blank", "noopener");
  document.querySelectorAll("details.picker[open]").forEach((one) => { if (!one.contains(event.target)) one.open = false; });
});

// What may follow a slash, as Slack offers it while one types.
document.addEventListener("input", (event) => {
  const list = document.querySelector(".commands");
  if (!list || !event.target.matches(".composer input[name=text]")) return;
  const typed = event.target.value;
  let some = false;
  list.querySelectorAll("button").forEach((one) => {
    const name = one.dataset.command.split("<")[0].trimEnd();
    const fits = typed.startsWith("/") && (name.startsWith(typed) || typed.startsWith(name));
    one.parentElement.hidden = !fits;
    some = some || fits;
  });
  list.hidden = !some;
});

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-command]");
  if (!chosen) return;
  const field = document.querySelector(".conversation .composer input[name=text]");
  field.value = chosen.dataset.command.split("<")[0];
  field.focus();
  document.querySelector(".commands").hidden = true;
});

document.addEventListener("submit", () => {
  const list = document.querySelector(".commands");
  if (list) list.hidden = true;
}, true);

document.addEventListener("toggle", (event) => {
  if (event.target.matches("details.picker") && event.target.open) event.target.querySelector("input").focus();
}, true);

document.addEventListener("submit", (event) => {
  // A press on Enter inside a message's own fields must not reload the page.
  if (event.target.matches("form[data-message]")) event.preventDefault();
}, true);

function focusDialog() {
  const first = document.querySelector(".dialog .wrong input, .dialog .wrong textarea, .dialog .b-input input, .dialog .b-input textarea, .dialog .b-input select");
  if (first) first.focus();
}

function say(sentence) {
  const notice = document.getElementById("notice");
  if (!notice) return;
  const line = document.createElement("p");
  line.setAttribute("role", "alert");
  line.textContent = sentence;
  notice.replaceChildren(line);
}
