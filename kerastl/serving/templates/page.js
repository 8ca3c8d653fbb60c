"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const modalities = JSON.parse(by("modalities").textContent);
  const table = document.querySelector(".answers");
  let latest = 0;
  const element = (name, text, className = "") =>
    Object.assign(document.createElement(name), { textContent: text, className });
  function bar(probability, threshold) {
    const cell = element("td", "", "drawing"), box = element("div", "", "bar");
    const fill = element("i", ""), tick = element("b", "");
    fill.style.width = `${100 * probability}%`;
    tick.style.left = `calc(${100 * Math.min(threshold, 1)}% - 1px)`;
    box.append(fill, tick);
    cell.append(box);
    return cell;
  }
  function row(task, answer) {
    const line = element("tr", "", answer.decision ? "yes" : "no"), head = element("th", task);
    head.scope = "row";
    line.append(head, element("td", answer.decision ? "yes" : "no"),
      element("td", answer.probability.toFixed(3), "number"),
      bar(answer.probability, answer.threshold),
      element("td", answer.threshold.toFixed(3), "number"));
    return line;
  }
  function preview(file, modality) {
    const reader = new FileReader();
    reader.onload = () => {
      const shown = document.createElement(modality === "audio" ? "audio" : "img");
      shown.controls = true;
      shown.alt = file.name;
      shown.src = reader.result;
      by("preview").replaceChildren(shown, element("figcaption", file.name));
    };
    reader.readAsDataURL(file);
  }
  function show(error, rows = []) {
    by("error").hidden = !error;
    by("error").textContent = error;
    table.hidden = !rows.length;
    table.tBodies[0].replaceChildren(...rows);
    by("result").hidden = false;
  }
  async function ask(file) {
    const mine = ++latest, name = by("run").value, form = new FormData();
    form.append("file", file);
    preview(file, modalities[name]);
    try {
      const reply = await fetch(`predict/${encodeURIComponent(name)}`, { method: "POST", body: form });
      const answer = await reply.json();
      if (mine !== latest) return;
      if (answer.error) show(answer.error);
      else show("", Object.entries(answer.predictions[0].tasks).map(([task, one]) => row(task, one)));
    } catch {
      if (mine === latest) show("The server does not answer.");
    }
  }
  let chosen = null;
  function take(files) {
    if (!files.length) return;
    chosen = files[0];
    ask(chosen);
  }
  by("file").addEventListener("change", () => take(by("file").files));
  by("run").addEventListener("change", () => chosen && ask(chosen));
  for (const type of ["dragover", "dragleave", "drop"]) {
    by("drop").addEventListener(type, (event) => {
      event.preventDefault();
      by("drop").classList.toggle("over", type === "dragover");
      if (type === "drop") take(event.dataTransfer.files);
    });
  }
})();
