// Reads a shipped dashboard and draws its panels from Prometheus, as Grafana would.
import { drawGraph, drawHeatmap, drawStats, drawTable } from "./draw.mjs";

const find = (id) => document.getElementById(id);
const REFRESH = 30_000;
let drawing = 0;

/** What Prometheus' API answers. */
async function ask(kind, parameters) {
  const answer = await (await fetch(`api/v1/${kind}?${new URLSearchParams(parameters)}`)).json();
  if (answer.status !== "success") throw new Error(answer.error);
  return answer.data;
}

/** A text with the chosen variables and the interval in their places. */
function substitute(text, values, interval) {
  const all = { ...values, __rate_interval: `${interval}s`, __interval: `${interval}s` };
  return text.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (whole, name) => all[name] ?? whole);
}

/** The name of a series: the legend's pattern, as the panel's transformation shortens it, or all its labels. */
function named(pattern, labels, transformations = []) {
  const shorter = transformations.filter((it) => it.id === "renameByRegex").map((it) => it.options);
  if (pattern !== "__auto") {
    const name = pattern.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "").trim();
    return shorter.reduce((text, it) => text.replace(new RegExp(it.regex.slice(1, -1)), it.renamePattern), name);
  }
  return Object.entries(labels).filter(([name]) => name !== "__name__").map(([name, value]) => `${name}="${value}"`).join(", ") || "value";
}

/** The numbers of a panel's queries over the range, on one axis of times. */
async function series(panel, time, values) {
  const times = Array.from({ length: Math.round((time.end - time.start) / time.step) + 1 }, (_, at) => time.start + at * time.step);
  const found = [];
  for (const target of panel.targets) {
    const query = substitute(target.expr, values, time.interval);
    const { result } = await ask("query_range", { query, start: time.start, end: time.end, step: time.step });
    for (const { metric, values: points } of result) {
      const at = new Map(points.map(([second, value]) => [Math.round(second / time.step), Number(value)]));
      const data = times.map((second) => at.get(Math.round(second / time.step)) ?? null).map((it) => (Number.isNaN(it) ? null : it));
      if (data.some((it) => it !== null)) found.push({ name: named(target.legendFormat, metric, panel.transformations), metric, data });
    }
  }
  return { times, found };
}

/** The exemplars of a panel: when, how long, and which trace. */
async function exemplars(panel, time, values) {
  const found = [];
  for (const target of panel.targets.filter((it) => it.exemplar)) {
    const query = substitute(target.expr, values, time.interval);
    for (const { exemplars: some } of await ask("query_exemplars", { query, start: time.start, end: time.end })) {
      found.push(...some.map((it) => ({ time: it.timestamp, value: Number(it.value), trace: it.labels.trace_id })));
    }
  }
  return found;
}

/** Draws one panel into its element and says in `data-state` how it went. */
async function draw(panel, element, time, values) {
  const { defaults } = panel.fieldConfig;
  const body = element.querySelector(".body");
  try {
    let isDrawn;
    if (panel.type === "table") {
      const asked = panel.targets.map((it) => ask("query", { query: substitute(it.expr, values, time.interval), time: time.end }));
      isDrawn = drawTable(element, panel, (await Promise.all(asked)).map((it) => it.result));
    } else {
      const data = await series(panel, time, values);
      if (panel.type === "stat") isDrawn = drawStats(element, panel, data);
      if (panel.type === "heatmap") isDrawn = drawHeatmap(element, panel, data);
      if (panel.type === "timeseries") isDrawn = drawGraph(element, panel, data, await exemplars(panel, time, values));
      if (isDrawn === undefined) throw new Error(`this page cannot draw a ${panel.type}`);
    }
    element.dataset.state = isDrawn ? "drawn" : "empty";
    if (!isDrawn) body.innerHTML = `<div class="note">${defaults.noValue ?? "no data"}</div>`;
  } catch (error) {
    element.dataset.state = "error";
    element.classList.add("error");
    body.innerHTML = `<div class="note"></div>`;
    body.firstChild.textContent = error.message;
  }
}

/** The empty frame of a panel at its place. */
function frame({ gridPos, title, description, type }) {
  const element = document.createElement("section");
  element.className = type === "row" ? "row" : "panel";
  element.style.gridArea = `${gridPos.y + 1} / ${gridPos.x + 1} / span ${gridPos.h} / span ${gridPos.w}`;
  if (type === "row") {
    element.textContent = title;
  } else {
    element.innerHTML = `<h2></h2><div class="body"></div>`;
    element.firstChild.textContent = title;
    element.firstChild.title = description;
    element.dataset.state = "asking";
  }
  return element;
}

/** The choices of a dashboard's variables, as selects; a choice that is still offered is kept. */
async function offer(dashboard, end) {
  const kept = Object.fromEntries([...find("variables").querySelectorAll("select")].map((it) => [it.name, it.value]));
  const values = {};
  const labels = [];
  for (const variable of dashboard.templating.list.filter((it) => it.type === "query")) {
    const [, match, label] = variable.definition.match(/^label_values\((.*), (\w+)\)$/);
    const offered = await ask(`label/${label}/values`, { "match[]": substitute(match, values, 60), start: end - 86_400, end });
    const select = document.createElement("select");
    select.name = variable.name;
    select.append(new Option("All", variable.allValue), ...offered.map((it) => new Option(it)));
    if (offered.includes(kept[variable.name])) select.value = kept[variable.name];
    select.onchange = show;
    values[variable.name] = select.value;
    const element = document.createElement("label");
    element.append(variable.label, select);
    labels.push(element, " ");
  }
  find("variables").replaceChildren(...labels);
  return values;
}

/** Draws the chosen dashboard anew. */
async function show() {
  const mine = ++drawing;
  document.body.dataset.state = "drawing";
  history.replaceState(null, "", `#${find("dashboard").value}/${find("range").value}`);
  const dashboard = await (await fetch(`${find("dashboard").value}.json`)).json();
  const range = Number(find("range").value);
  const step = Math.max(1, Math.round(range / 240));
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const time = { start: end - range, end, step, interval: Math.max(20, 4 * step) };
  document.title = dashboard.title;
  find("about").textContent = dashboard.description;
  const values = await offer(dashboard, end);
  const frames = dashboard.panels.map((it) => [it, frame(it)]);
  find("panels").replaceChildren(...frames.map(([, element]) => element));
  await Promise.all(frames.filter(([it]) => it.type !== "row").map(([it, element]) => draw(it, element, time, values)));
  if (mine === drawing) document.body.dataset.state = "drawn";
}

const titles = await (await fetch("dashboards")).json();
find("dashboard").append(...Object.entries(titles).map(([uid, title]) => new Option(title, uid)));
const [, uid = "vow-suite", range] = location.hash.match(/^#([\w-]+)\/?(\d*)/) ?? [];
find("dashboard").value = uid;
if (range) find("range").value = range;
find("dashboard").onchange = find("range").onchange = show;
onhashchange = () => location.reload();
setInterval(() => document.hidden || show(), REFRESH);
await show();
