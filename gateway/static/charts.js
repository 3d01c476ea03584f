// Draws every <div data-chart="trend|bars|waterfall" data-source="#id"> with ECharts; #id is a JSON script. Figures come
// as numbers to draw (`y`, `value`) and as text to read (`text`), so that rounding and units are the server's alone.
//
//   trend      {points: [{label, y, text, limit?: true}], target?: {label, y, text}, lines?: [{label, y, text}]}
//              `lines` are control limits and the like; a point with `limit` is marked.
//   bars       {bars: [{label, value, text, href?, tone?: "good|bad|quiet"}], target?: {label, y, text}}
//   waterfall  {start: {label, value, text}, steps: [{label, value, text, href?, tone?}], end: {label, value, text}}
//
// A bar with `href` leads there when pressed. The table beside each chart (_chart.html) says the same without a picture.
"use strict";

(() => {
  const drawn = new Map();
  let library = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = () => ({
    ink: colour("--ink"), quiet: colour("--quiet"), line: colour("--line"), accent: colour("--accent"),
    good: colour("--good"), warn: colour("--warn"), bad: colour("--bad"), raised: colour("--raised"),
  });
  const toneOf = (tone, colours, fallback) => ({ good: colours.good, bad: colours.bad, quiet: colours.quiet })[tone] || fallback;

  const base = (colours) => ({
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colours.quiet },
    grid: { left: 4, right: 14, top: 26, bottom: 4, containLabel: true },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colours.raised, borderColor: colours.line,
      textStyle: { color: colours.ink, fontSize: 13 }, axisPointer: { type: "line", lineStyle: { color: colours.line } },
    },
  });
  const category = (labels, colours, more) => ({
    type: "category", data: labels, axisTick: { show: false }, axisLine: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.quiet, fontSize: 12, hideOverlap: true, ...more },
  });
  const scale = (colours) => ({
    type: "value", scale: true, splitNumber: 4, splitLine: { lineStyle: { color: colours.line, opacity: 0.7 } },
    axisLabel: { color: colours.quiet, fontSize: 12, showMinLabel: false, showMaxLabel: false, formatter: (value) => short(value) },
  });
  const short = (value) => new Intl.NumberFormat(document.documentElement.lang, {
    notation: Math.abs(value) >= 10000 ? "compact" : "standard", maximumFractionDigits: 2,
  }).format(value);
  const levels = (found, colours) => found.filter(Boolean).map((one) => ({
    yAxis: one.y, name: one.label,
    lineStyle: { color: one.target ? colours.good : colours.warn, type: one.centre ? "solid" : "dashed", width: 1.2 },
    label: { formatter: one.label + " " + one.text, position: "insideEndTop", color: colours.quiet, fontSize: 12 },
  }));

  // What stands right of a bar must not be cut: about 6.4 px a letter at this size, 12.5 px a Chinese one.
  const roomFor = (all, width) => Math.min(width * 0.42, 14 + Math.max(...all.map((one) =>
    [...one.text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12.5 : 6.4), 0))));

  function trend(data, colours) {
    const target = data.target ? { ...data.target, target: true } : null;
    const marks = [target, ...(data.lines || [])].filter(Boolean);
    const known = data.points.map((one) => one.y).concat(marks.map((one) => one.y)).filter((y) => y !== null);
    const room = (Math.max(...known) - Math.min(...known)) * 0.12 || Math.abs(known[0] || 1) * 0.05;
    const low = Math.min(...known) - room;
    return {
      ...base(colours),
      tooltip: { ...base(colours).tooltip, formatter: ([at]) => at.name + "\n" + data.points[at.dataIndex].text },
      xAxis: { ...category(data.points.map((one) => one.label), colours, { alignMinLabel: "left", alignMaxLabel: "right" }), boundaryGap: false },
      yAxis: { ...scale(colours), min: Math.min(...known) >= 0 ? Math.max(0, low) : low, max: Math.max(...known) + room },
      series: [{
        type: "line", smooth: 0.15, symbolSize: 7, showSymbol: data.points.length < 40,
        data: data.points.map((one) => ({ value: one.y, itemStyle: one.limit ? { color: colours.bad } : undefined, symbolSize: one.limit ? 11 : 7 })),
        lineStyle: { color: colours.accent, width: 2.4 }, itemStyle: { color: colours.accent },
        areaStyle: { color: colours.accent, opacity: 0.07, origin: "start" },
        markLine: { silent: true, symbol: "none", data: levels(marks, colours) },
      }],
    };
  }

  function bars(data, colours, width) {
    const names = Math.min(190, Math.round(width * 0.36));
    const last = data.bars.slice().reverse();
    return {
      ...base(colours),
      grid: { left: names + 8, right: roomFor(data.bars, width), top: 6, bottom: 4 },
      tooltip: { ...base(colours).tooltip, axisPointer: { type: "none" }, formatter: ([at]) => at.name + "\n" + last[at.dataIndex].text },
      xAxis: { type: "value", axisLabel: { show: false }, splitLine: { show: false } },
      yAxis: category(last.map((one) => one.label), colours, { width: names, overflow: "truncate", hideOverlap: false, interval: 0, color: colours.ink }),
      series: [{
        type: "bar", barMaxWidth: 18, itemStyle: { borderRadius: 4 },
        data: last.map((one) => ({ value: one.value, itemStyle: { color: toneOf(one.tone, colours, colours.accent) } })),
        label: { show: true, position: "right", color: colours.ink, fontSize: 12, formatter: (at) => last[at.dataIndex].text },
        markLine: data.target
          ? { silent: true, symbol: "none", label: { show: false }, data: [{ xAxis: data.target.y, lineStyle: { color: colours.good, type: "dashed" } }] }
          : undefined,
      }],
    };
  }

  // Bars hang between running totals. On a narrow screen they lie on their side, so that their names can be read.
  function waterfall(data, colours, width) {
    const upright = width >= 640;
    let total = data.start.value;
    const all = [{ ...data.start, from: 0, to: total, tone: "whole" }];
    for (const step of data.steps) {
      all.push({ ...step, from: total, to: total + step.value });
      total += step.value;
    }
    all.push({ ...data.end, from: 0, to: data.end.value, tone: "whole" });
    const ends = all.flatMap((one, at) => (one.tone === "whole" ? [one.to] : [one.from, one.to]));
    // Two large totals that differ little would hide the steps: the axis then starts near them.
    const low = Math.min(...ends), high = Math.max(...ends), spread = high - low || Math.abs(high) || 1;
    const floor = low > 0 && spread < 0.5 * high ? low - spread * 0.25 : Math.min(0, low - spread * 0.1);
    const shown = upright ? all : all.slice().reverse();
    const names = category(shown.map((one) => one.label), colours, upright
      ? { interval: 0, width: Math.max(64, width / all.length - 14), overflow: "break", color: colours.ink }
      : { width: Math.round(width * 0.36), overflow: "truncate", hideOverlap: false, interval: 0, color: colours.ink });
    const values = { type: "value", min: floor, max: high + spread * 0.15, axisLabel: { show: false }, splitLine: { show: false } };
    const fill = (one) => (one.tone === "whole" ? colours.accent : toneOf(one.tone, colours, one.value < 0 ? colours.bad : colours.good));
    return {
      ...base(colours),
      grid: upright
        ? { left: 4, right: 10, top: 24, bottom: 4, containLabel: true }
        : { left: Math.round(width * 0.36) + 8, right: roomFor(all, width), top: 6, bottom: 4 },
      tooltip: { ...base(colours).tooltip, axisPointer: { type: "none" }, formatter: (at) => at[0].name + "\n" + shown[at[0].dataIndex].text },
      xAxis: upright ? names : values, yAxis: upright ? values : names,
      series: [
        { type: "bar", stack: "all", silent: true, itemStyle: { color: "transparent" }, data: shown.map((one) => Math.min(one.from < floor || one.tone === "whole" ? floor : one.from, one.to)) },
        {
          type: "bar", stack: "all", barMaxWidth: 64, cursor: "pointer",
          data: shown.map((one) => ({ value: Math.abs(one.to - (one.tone === "whole" ? floor : one.from)), itemStyle: { color: fill(one), borderRadius: 3 } })),
          label: { show: true, position: upright ? "top" : "right", color: colours.ink, fontSize: 12, formatter: (at) => shown[at.dataIndex].text },
        },
      ],
      shown,
    };
  }

  const kinds = { trend, bars, waterfall };

  function draw(box) {
    const source = document.querySelector(box.dataset.source);
    if (!source || !box.clientWidth) return;
    const data = JSON.parse(source.textContent);
    const rows = (data.points || data.bars || data.steps || []).length;
    if (box.dataset.chart === "bars" || (box.dataset.chart === "waterfall" && box.clientWidth < 640)) {
      box.style.height = Math.max(80, (rows + (data.start ? 2 : 0)) * 30 + 20) + "px";
    }
    const chart = drawn.get(box) || echarts.init(box, null, { renderer: "svg" });
    drawn.set(box, chart);
    const { shown, ...option } = kinds[box.dataset.chart](data, palette(), box.clientWidth);
    chart.resize();
    chart.setOption(option, true);
    chart.off("click");
    const linked = shown || (data.bars ? data.bars.slice().reverse() : []);
    chart.on("click", (at) => { const one = linked[at.dataIndex]; if (one && one.href) window.location.assign(one.href); });
  }

  function drawAll() {
    for (const [box, chart] of drawn) if (!box.isConnected) { chart.dispose(); drawn.delete(box); }
    const boxes = document.querySelectorAll("[data-chart]");
    if (!boxes.length) return;
    library = library || load("/static/vendor/echarts.min.js");
    library.then(() => boxes.forEach((box) => box.isConnected && draw(box)));
  }

  const load = (address) => new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = done;
    script.onerror = () => fail(new Error(address + " could not be loaded"));
    document.head.append(script);
  });

  let waiting = 0;
  const soon = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(drawAll); };
  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("toggle", soon, true);
  window.addEventListener("resize", soon);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
})();
