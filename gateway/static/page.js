// What htmx does not do by itself on our pages: say that a part failed, rest while nobody looks, and leave people where
// they were when a part is renewed under their hands.
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

// A part that is replaced by a newer one of the same id: what was open stays open, and the focus stays on the same card,
// link or fold; where that is gone, on the part, so that the next key does not start from the top of the page.
let renewed = null;
const like = (one) => [...document.getElementById(renewed.id).querySelectorAll(one.tagName)].filter(
  (other) => other.getAttribute("href") === one.getAttribute("href") && (one.dataset.case ? true : other.textContent === one.textContent),
);
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part || !part.id || !event.detail.shouldSwap) return;
  const focus = part.contains(document.activeElement) ? document.activeElement : null;
  renewed = { id: part.id, focus, at: -1, folds: [...part.querySelectorAll("details[id]")].filter((one) => one.open).map((one) => one.id) };
  if (focus && focus !== part) renewed.at = like(focus).indexOf(focus);
});
const restore = () => {
  const part = renewed && document.getElementById(renewed.id);
  if (!part) return;
  for (const id of renewed.folds) {
    const fold = document.getElementById(id);
    if (fold) fold.open = true;
  }
  const { focus, at } = renewed;
  if (!focus || document.activeElement !== document.body) return;
  const found = (focus.id && document.getElementById(focus.id)) || like(focus)[Math.max(at, 0)] || like(focus)[0] || part;
  if (found === part) part.tabIndex = -1;
  found.focus({ preventScroll: true });
};
document.addEventListener("htmx:afterSwap", restore);
// Again, because a picture that is put back takes the focus with it.
document.addEventListener("htmx:afterSettle", () => {
  restore();
  renewed = null;
});
