"use strict";
(function () {
  const root = document.documentElement;
  const sliders = JSON.parse(document.getElementById("sliders").textContent);
  const STEPS = 1000;
  const UNIT = { left: 34, top: 8, width: 196, height: 196 };
  const SCORES = { left: 12, width: 656 };
  root.classList.add("js");

  /* At a step, everything with a level of at least the step is predicted yes. */
  function atLeast(levels, step) {
    let sum = 0;
    for (let i = 0; i < levels.length; i += 2) if (levels[i] >= step) sum += levels[i + 1];
    return sum;
  }

  function total(levels) {
    return atLeast(levels, 0);
  }

  function countsAt(data, step) {
    const tp = atLeast(data.yes, step), fp = atLeast(data.no, step);
    return { tp: tp, fn: total(data.yes) - tp, fp: fp, tn: total(data.no) - fp };
  }

  function share(part, whole) {
    return whole > 0 ? score(part / whole) : "–";
  }

  function thresholdAt(data, step) {
    return step === 0 ? 0 : 1 / (1 + Math.exp(-(data.low + (data.high - data.low) * step / STEPS)));
  }

  function logit(p) {
    const q = Math.min(1 - 1e-9, Math.max(1e-9, p));
    return Math.log(q / (1 - q));
  }

  function stepOf(data, threshold) {
    return Math.min(STEPS, Math.max(0, Math.round((logit(threshold) - data.low) / (data.high - data.low) * STEPS)));
  }

  /* Two digits after the zeros or nines that follow the point. */
  function score(value) {
    const rest = Math.min(value, 1 - value), digits = rest > 0 ? Math.max(3, 1 - Math.floor(Math.log10(rest))) : 3;
    return digits > 8 && value < 0.5 ? value.toExponential(1) : value.toFixed(Math.min(8, digits));
  }

  function write(panel, name, text) {
    for (const cell of panel.querySelectorAll('[data-out="' + name + '"]')) cell.textContent = text;
  }

  /* What the two curves show of the decisions at a threshold. */
  const CURVES = {
    roc: { names: ["false positive rate", "sensitivity"], point: c => [c.fp / (c.fp + c.tn), c.tp / (c.tp + c.fn)] },
    pr: { names: ["sensitivity", "precision"], point: c => [c.tp / (c.tp + c.fn), c.tp / (c.tp + c.fp)] },
  };

  function moveMark(mark, [x, y]) {
    const visible = Number.isFinite(x) && Number.isFinite(y);
    mark.toggleAttribute("hidden", !visible);
    if (!visible) return;
    mark.setAttribute("cx", UNIT.left + UNIT.width * x);
    mark.setAttribute("cy", UNIT.top + UNIT.height * (1 - y));
  }

  function moveLine(panel, step) {
    const x = SCORES.left + SCORES.width * step / STEPS;
    const line = panel.querySelector("line.threshold");
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    const right = panel.querySelector(".clip-right"), left = panel.querySelector(".clip-left");
    right.setAttribute("x", x);
    right.setAttribute("width", SCORES.left + SCORES.width + 1 - x);
    left.setAttribute("width", x - SCORES.left + 1);
  }

  function show(panel, step, threshold, c, isOwn) {
    const yes = c.tp + c.fn, no = c.fp + c.tn, called = c.tp + c.fp, text = score(threshold);
    for (const name of ["tp", "fn", "fp", "tn"]) write(panel, name, c[name].toLocaleString("en-US"));
    write(panel, "sensitivity", share(c.tp, yes));
    write(panel, "specificity", share(c.tn, no));
    write(panel, "precision", share(c.tp, called));
    write(panel, "f1", yes > 0 ? share(2 * c.tp, yes + called) : "–");
    write(panel, "accuracy", share(c.tp + c.tn, yes + no));
    write(panel, "threshold", text);
    const slider = panel.querySelector(".slider"), typed = panel.querySelector(".typed");
    slider.value = step;
    slider.setAttribute("aria-valuetext", text);
    if (typed !== document.activeElement) typed.value = text;
    panel.querySelector(".reset").disabled = isOwn;
    moveLine(panel, step);
    showGalleries(panel, threshold, c, isOwn);
    for (const figure of panel.querySelectorAll("[data-chart]")) {
      const mark = figure.querySelector(".mark");
      if (mark) moveMark(mark, CURVES[figure.dataset.chart].point(c));
    }
  }

  /* The gallery of the nearest has those of the run's threshold; at another one it has copies of the
     nearest among all examples of the panel. */
  function showNearest(gallery, panel, threshold, isOwn) {
    const list = gallery.querySelector("ul"), own = list.querySelectorAll("li:not(.copy)");
    const count = Array.from(own).filter(item => item.matches(":not(.spread)")).length, found = new Map();
    for (const copy of list.querySelectorAll(".copy")) copy.remove();
    gallery.querySelector(".moved").hidden = isOwn;
    for (const item of own) item.hidden = !isOwn || item.matches(".spread");
    if (isOwn) return;
    for (const item of panel.querySelectorAll(".gallery li")) found.set(item.dataset.p + item.querySelector(".name").textContent, item);
    const far = item => Math.abs(logit(Number(item.dataset.p)) - logit(threshold));
    for (const item of Array.from(found.values()).sort((a, b) => far(a) - far(b)).slice(0, count)) {
      const copy = list.appendChild(item.cloneNode(true));
      copy.classList.add("copy");
      copy.hidden = false;
      for (const part of copy.querySelectorAll("[id]")) part.removeAttribute("id");
    }
  }

  /* Every other gallery has the examples that come first at any threshold. */
  function showGalleries(panel, threshold, c, isOwn) {
    const picked = panel.querySelector('.pick[aria-pressed="true"]');
    for (const gallery of panel.querySelectorAll(".gallery")) {
      const cell = gallery.dataset.cell;
      gallery.hidden = picked ? cell !== picked.dataset.cell : cell === "tp" || cell === "tn";
      if (cell === "near") {
        showNearest(gallery, panel, threshold, isOwn);
        continue;
      }
      const items = Array.from(gallery.querySelectorAll("li"));
      for (const item of items) item.hidden = Number(item.dataset.p) >= threshold !== (cell[1] === "p");
      gallery.querySelector(".num").textContent = items.filter(item => !item.hidden).length;
      gallery.querySelector(".total").textContent = c[cell].toLocaleString("en-US");
    }
  }

  function pick(button) {
    const panel = button.closest(".panel"), wasOn = button.getAttribute("aria-pressed") === "true";
    for (const other of panel.querySelectorAll(".pick")) other.setAttribute("aria-pressed", String(other === button && !wasOn));
    const data = sliders[panel.id], isOwn = panel.querySelector(".reset").disabled;
    const step = Number(panel.querySelector(".slider").value);
    if (isOwn) showGalleries(panel, data.threshold, data.counts, true);
    else showGalleries(panel, thresholdAt(data, step), countsAt(data, step), false);
  }

  /* A curve shows the values of the point that the pointer is nearest to, or that the arrow keys chose. */
  const points = new WeakMap();

  function pointsOf(figure) {
    if (!points.has(figure)) {
      const data = sliders[figure.closest(".panel").id], curve = CURVES[figure.dataset.chart];
      points.set(figure, Array.from({ length: STEPS + 1 }, (_, step) => curve.point(countsAt(data, step))));
    }
    return points.get(figure);
  }

  function probe(figure, step) {
    const [x, y] = pointsOf(figure)[step], names = CURVES[figure.dataset.chart].names;
    const threshold = score(thresholdAt(sliders[figure.closest(".panel").id], step));
    figure.dataset.step = step;
    moveMark(figure.querySelector(".probe"), [x, y]);
    figure.querySelector(".readout").textContent =
      "Threshold " + threshold + ": " + names[0] + " " + score(x) + ", " + names[1] + " " + score(y);
  }

  function probeNearest(figure, event) {
    const box = figure.querySelector("svg").getBoundingClientRect(), unit = 240 / box.width;
    const left = ((event.clientX - box.left) * unit - UNIT.left) / UNIT.width;
    const up = 1 - ((event.clientY - box.top) * unit - UNIT.top) / UNIT.height;
    const far = pointsOf(figure).map(([x, y]) => Number.isFinite(y) ? Math.hypot(x - left, y - up) : Infinity);
    probe(figure, far.indexOf(Math.min(...far)));
  }

  /* Moves to the next step with another point; there is none where nothing is predicted yes. */
  function probeNext(figure, move) {
    const all = pointsOf(figure), start = Number(figure.dataset.step);
    let step = start;
    do step += move; while (all[step] && String(all[step]) === String(all[start]));
    if (all[step] && Number.isFinite(all[step][1])) probe(figure, step);
  }

  function endProbe(figure) {
    figure.querySelector(".probe").setAttribute("hidden", "");
    figure.querySelector(".readout").textContent = "";
  }

  for (const svg of document.querySelectorAll("[data-chart] svg")) {
    const figure = svg.closest("figure"), dot = svg.querySelector(".mark").cloneNode();
    dot.setAttribute("class", "probe");
    dot.setAttribute("hidden", "");
    svg.append(dot);
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", event => probeNearest(figure, event));
    svg.addEventListener("pointerleave", () => endProbe(figure));
    svg.addEventListener("blur", () => endProbe(figure));
    svg.addEventListener("focus", function () {
      const step = Number(figure.closest(".panel").querySelector(".slider").value);
      if (svg.matches(":focus-visible") && Number.isFinite(pointsOf(figure)[step][1])) probe(figure, step);
    });
    svg.addEventListener("keydown", function (event) {
      const move = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!move) return;
      event.preventDefault();
      if (!figure.dataset.step) figure.dataset.step = figure.closest(".panel").querySelector(".slider").value;
      probeNext(figure, move);
    });
  }

  const lightbox = document.getElementById("lightbox");
  let enlarged = null;

  function enlarge(image) {
    enlarged = image;
    const text = image.closest("li").innerText, large = lightbox.querySelector("img");
    large.src = image.src;
    large.alt = image.alt;
    lightbox.querySelector("p").textContent = text;
    if (!lightbox.open) lightbox.showModal();
  }

  function enlargeNext(move) {
    const all = Array.from(enlarged.closest("ul").querySelectorAll("li:not([hidden]) img"));
    const next = all[all.indexOf(enlarged) + move];
    if (next) enlarge(next);
  }

  document.addEventListener("keydown", function (event) {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (lightbox.open && move) enlargeNext(move);
    else if (event.target.matches(".examples img") && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      enlarge(event.target);
    }
  });

  /* A threshold belongs to a task: all of its splits move together. */
  function panelsOf(task) {
    return document.querySelectorAll('.panel[data-task="' + task + '"]');
  }

  function moveTo(task, step) {
    for (const panel of panelsOf(task)) {
      const data = sliders[panel.id];
      if (panel.querySelector(".slider")) show(panel, step, thresholdAt(data, step), countsAt(data, step), false);
    }
  }

  function reset(task) {
    for (const panel of panelsOf(task)) {
      const data = sliders[panel.id];
      if (panel.querySelector(".slider")) show(panel, data.step, data.threshold, data.counts, true);
    }
  }

  function choose(selector, key, value) {
    for (const item of document.querySelectorAll(selector)) item.classList.toggle("on", item.dataset[key] === value);
  }

  function chooseTask(task) {
    choose(".task", "task", task);
    const chip = document.querySelector('input[name="task"][value="' + task + '"]');
    if (chip) chip.checked = true;
  }

  /* A link to a task first shows the task, then scrolls to it. */
  function followHash() {
    const found = /^#task-(\d+)$/.exec(location.hash);
    if (!found || !document.getElementById(location.hash.slice(1))) return;
    chooseTask(found[1]);
    document.getElementById(location.hash.slice(1)).scrollIntoView();
  }

  document.addEventListener("input", function (event) {
    const target = event.target, panel = target.closest(".panel");
    if (target.name === "part") choose(".of-part", "part", target.value);
    else if (target.name === "task") chooseTask(target.value);
    else if (panel && target.matches(".slider")) moveTo(panel.dataset.task, Number(target.value));
    else if (panel && target.matches(".typed") && target.value !== "") {
      moveTo(panel.dataset.task, stepOf(sliders[panel.id], Number(target.value)));
    }
  });
  document.addEventListener("click", function (event) {
    const button = event.target.closest(".reset");
    if (button) reset(button.closest(".panel").dataset.task);
    const cell = event.target.closest(".pick");
    if (cell) pick(cell);
    if (event.target.matches(".examples img")) enlarge(event.target);
    else if (event.target.closest("#lightbox")) lightbox.close();
    const link = event.target.closest('a[href^="#task-"]');
    if (link) chooseTask(link.getAttribute("href").slice("#task-".length));
  });
  document.addEventListener("play", function (event) {
    for (const audio of document.querySelectorAll("audio")) if (audio !== event.target) audio.pause();
  }, true);
  window.addEventListener("hashchange", followHash);

  /* Each preview is embedded once. */
  for (const copy of document.querySelectorAll("[data-of]")) copy.src = document.getElementById(copy.dataset.of).src;

  /* The browser may have restored the controls of an earlier visit. */
  for (const control of document.querySelectorAll('input[name="part"], input[name="task"]')) {
    control.checked = control.defaultChecked;
  }
  for (const article of document.querySelectorAll(".task")) reset(article.dataset.task);
  followHash();
})();
