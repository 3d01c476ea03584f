// Draws every <div data-graph data-source="#id"> as a layered graph: {nodes: [{id, label, kind, href?, state?}],
// edges: [[from, to, {label, width, back}?]], ordered?}. elkjs lays it out, left to right on a wide screen and downwards
// on a narrow one; nodes with `href` are links, edges with `back` are dashed. `ordered`: the nodes stand in the order in
// which they are read, so that edges against it run back. A graph larger than its box scrolls inside it, fades where it
// goes on, and a button beside it (data-whole) shows all of it. Without a picture, the list beside it says the same.
"use strict";

(() => {
  const drawn = new WeakMap();
  // Box to its picture's size and svg; box to where it was scrolled to before the page was renewed.
  const pictures = new WeakMap();
  const places = new WeakMap();
  const SVG = "http://www.w3.org/2000/svg";
  const PAD = 14, HEIGHT = 44, LONGEST = 34;
  let library = null;
  let elk = null;

  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (parent) parent.append(element);
    return element;
  };
  const cut = (words) => (words.length > LONGEST ? words.slice(0, LONGEST - 1) + "…" : words);
  const pen = document.createElement("canvas").getContext("2d");
  const widthOf = (words, size) => {
    pen.font = size + "px " + getComputedStyle(document.body).fontFamily;
    return pen.measureText(words).width;
  };

  async function draw(box) {
    const source = document.querySelector(box.dataset.source);
    if (!source || !box.clientWidth) return;
    const data = JSON.parse(source.textContent);
    const downwards = box.clientWidth < 640;
    const form = (downwards ? "down" : "right") + source.textContent.length;
    if (drawn.get(box) === form) return fit(box);
    drawn.set(box, form);
    const known = new Set(data.nodes.map((node) => node.id));
    const edges = data.edges.filter(([from, to]) => known.has(from) && known.has(to));
    const laid = await elk.layout({
      id: "graph",
      layoutOptions: {
        "elk.algorithm": "layered", "elk.direction": downwards ? "DOWN" : "RIGHT", "elk.spacing.nodeNode": "16",
        "elk.layered.spacing.nodeNodeBetweenLayers": "36", "elk.edgeRouting": "SPLINES", "elk.edgeLabels.inline": "false",
        "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX", "elk.padding": "[top=8,left=8,bottom=8,right=8]",
        // Else returns are laid out like ways onward, and others are turned round instead.
        ...(data.ordered ? { "elk.layered.cycleBreaking.strategy": "MODEL_ORDER" } : {}),
      },
      children: data.nodes.map((node) => ({
        id: node.id, height: HEIGHT,
        width: Math.max(widthOf(cut(node.label), 13), widthOf(node.kind || "", 11)) + 2 * PAD,
      })),
      edges: edges.map(([from, to, said], at) => ({
        id: "e" + at, sources: [from], targets: [to],
        labels: said && said.label ? [{ text: said.label, width: widthOf(said.label, 11) + 6, height: 15 }] : [],
      })),
    });
    const svg = make("svg", { viewBox: "0 0 " + laid.width + " " + laid.height });
    const marker = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto" }, make("defs", {}, svg));
    make("path", { d: "M0 0L8 4L0 8z", class: "arrow" }, marker);
    for (const edge of laid.edges) drawEdge(svg, edge, edges[Number(edge.id.slice(1))][2] || {});
    const nodes = new Map(data.nodes.map((node) => [node.id, node]));
    for (const place of laid.children) drawNode(svg, place, nodes.get(place.id));
    box.replaceChildren(svg);
    pictures.set(box, { width: laid.width, height: laid.height, svg });
    const scale = fit(box);
    const place = places.get(box);
    const first = svg.querySelector(".own, .current, .overdue");
    if (place) box.scrollTo(place);
    else if (first) box.scrollTo({ left: first.parentNode.dataset.x * scale - box.clientWidth / 2, top: first.parentNode.dataset.y * scale - box.clientHeight / 2 });
    hint(box);
  }

  // A little smaller rather than cut; much smaller could not be read, so then the box scrolls unless all is asked for.
  function fit(box) {
    const { width, height, svg } = pictures.get(box) || {};
    if (!svg) return 1;
    const least = box.classList.contains("whole") ? 0 : 0.8;
    const scale = Math.max(least, Math.min(1, (box.clientWidth - 4) / width));
    svg.setAttribute("width", Math.floor(width * scale));
    svg.setAttribute("height", Math.ceil(height * scale));
    hint(box);
    return scale;
  }

  // Where the picture goes on beyond its box, and the button that shows all of it.
  function hint(box) {
    const more = {
      left: box.scrollLeft > 1, right: box.scrollLeft + box.clientWidth < box.scrollWidth - 1,
      up: box.scrollTop > 1, down: box.scrollTop + box.clientHeight < box.scrollHeight - 1,
    };
    for (const [side, goesOn] of Object.entries(more)) box.classList.toggle("more-" + side, goesOn);
    const button = buttonOf(box);
    const whole = box.classList.contains("whole");
    if (!button) return;
    button.hidden = !whole && !Object.values(more).some(Boolean);
    button.setAttribute("aria-pressed", String(whole));
  }
  const buttonOf = (box) => box.closest("figure") && box.closest("figure").querySelector("[data-whole]");

  function drawEdge(svg, edge, said) {
    for (const part of edge.sections || []) {
      const path = make("path", { d: pathOf(part), class: said.back ? "edge back" : "edge", "marker-end": "url(#arrow)" }, svg);
      if (said.width) path.style.strokeWidth = said.width;
    }
    for (const label of edge.labels || []) make("text", { x: label.x + 3, y: label.y + 11, class: "said" }, svg).textContent = label.text;
  }

  function drawNode(svg, place, node) {
    const group = make(node.href ? "a" : "g", { transform: "translate(" + place.x + " " + place.y + ")", class: "node", "data-x": place.x, "data-y": place.y }, svg);
    if (node.href) group.setAttribute("href", node.href);
    make("rect", { width: place.width, height: place.height, rx: 8, class: [node.state || "", node.own ? "own" : ""].join(" ").trim() }, group);
    make("text", { x: PAD, y: node.kind ? 19 : 27, class: "name" }, group).textContent = cut(node.label);
    if (node.kind) make("text", { x: PAD, y: 35, class: "kind" }, group).textContent = node.kind;
    make("title", {}, group).textContent = [node.label, node.kind, node.state].filter(Boolean).join(", ");
  }

  function pathOf(part) {
    const points = [part.startPoint, ...(part.bendPoints || []), part.endPoint];
    let path = "M" + points[0].x + " " + points[0].y;
    let at = 1;
    for (; at + 2 < points.length; at += 3) path += "C" + points.slice(at, at + 3).map((one) => one.x + " " + one.y).join(" ");
    if (points.length - at === 2) path += "Q" + points.slice(at).map((one) => one.x + " " + one.y).join(" ");
    else for (; at < points.length; at += 1) path += "L" + points[at].x + " " + points[at].y;
    return path;
  }

  function drawAll() {
    const boxes = document.querySelectorAll("[data-graph]");
    if (!boxes.length) return;
    library = library || load("/static/vendor/elk.bundled.js");
    library.then(() => {
      elk = elk || new ELK();
      boxes.forEach((box) => box.isConnected && draw(box));
    });
  }

  const load = (address) => new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = done;
    script.onerror = () => fail(new Error(address + " could not be loaded"));
    document.head.append(script);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-whole]");
    const box = button && button.closest("figure").querySelector("[data-graph]");
    if (!box) return;
    box.classList.toggle("whole");
    fit(box);
  });
  document.addEventListener("scroll", (event) => {
    if (event.target.matches && event.target.matches("[data-graph]")) hint(event.target);
  }, true);

  // A renewed page keeps a picture whose graph is the same, and else how it was looked at.
  let before = new Map();
  const textOf = (box) => document.querySelector(box.dataset.source).textContent;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const boxes = [...event.detail.target.querySelectorAll("[data-graph]")];
    before = new Map(boxes.map((box) => [box.dataset.source, { box, text: textOf(box), place: { left: box.scrollLeft, top: box.scrollTop } }]));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const box of document.querySelectorAll("[data-graph]")) {
      const old = before.get(box.dataset.source);
      if (!old || old.box.isConnected) continue;
      places.set(box, old.place);
      box.classList.toggle("whole", old.box.classList.contains("whole"));
      if (old.text !== textOf(box) || !pictures.has(old.box)) continue;
      box.replaceWith(old.box);
      old.box.scrollTo(old.place);
      hint(old.box);
    }
    before = new Map();
  });

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("toggle", drawAll, true);
  window.addEventListener("resize", drawAll);
})();
