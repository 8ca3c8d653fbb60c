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

  function stepOf(data, threshold) {
    const p = Math.min(1 - 1e-9, Math.max(1e-9, threshold)), logit = Math.log(p / (1 - p));
    return Math.min(STEPS, Math.max(0, Math.round((logit - data.low) / (data.high - data.low) * STEPS)));
  }

  /* Two digits after the zeros or nines that follow the point. */
  function score(value) {
    const rest = Math.min(value, 1 - value), digits = rest > 0 ? Math.max(3, 1 - Math.floor(Math.log10(rest))) : 3;
    return digits > 8 ? value.toExponential(1) : value.toFixed(digits);
  }

  function write(panel, name, text) {
    for (const cell of panel.querySelectorAll('[data-out="' + name + '"]')) cell.textContent = text;
  }

  function moveMark(panel, chart, x, y) {
    const mark = panel.querySelector('[data-chart="' + chart + '"] .mark');
    if (!mark) return;
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
    showGalleries(panel, threshold, c);
    moveMark(panel, "roc", c.fp / no, c.tp / yes);
    moveMark(panel, "pr", c.tp / yes, c.tp / called);
  }

  /* A gallery has the examples that come first at any threshold. */
  function showGalleries(panel, threshold, c) {
    const picked = panel.querySelector('.pick[aria-pressed="true"]');
    for (const gallery of panel.querySelectorAll(".gallery")) {
      const cell = gallery.dataset.cell;
      gallery.hidden = picked ? cell !== picked.dataset.cell : cell === "tp" || cell === "tn";
      if (cell === "near") continue;
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
    if (isOwn) showGalleries(panel, data.threshold, data.counts);
    else showGalleries(panel, thresholdAt(data, step), countsAt(data, step));
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
