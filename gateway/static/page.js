// What htmx does not do by itself on our pages: say that a part failed, and rest while nobody looks.
"use strict";

const failed = (event) => {
  const part = event.target.closest("[data-failed]");
  if (!part) return;
  const line = document.createElement("p");
  line.className = "quiet";
  line.setAttribute("role", "alert");
  line.textContent = part.dataset.failed;
  part.replaceChildren(line);
};
document.addEventListener("htmx:responseError", failed);
document.addEventListener("htmx:sendError", failed);

// A page that looks for newer figures does so while it is visible, and at once when it becomes visible again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-watch]")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelectorAll("[data-watch]").forEach((one) => htmx.trigger(one, "visible"));
});
