// The four kinds of panels, drawn into an element from what Prometheus answered. Each returns whether there was anything.
import { format } from "./units.mjs";

const COLORS = [
  "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a", "#1f60c4", "#fa6400", "#e02f44",
  "#8f3bb8", "#96d98d", "#ffb357", "#c0d8ff", "#ff7383", "#deb6f2", "#56a64b", "#e0b400", "#3274d9", "#a352cc",
];
const NAMED = { green: "#73bf69", yellow: "#f2cc0c", red: "#f2495c" };
const POWERS = Array.from({ length: 48 }, (_, at) => 2 ** at); // bytes are marked at these
const colors = new Map();

/** The colour of a name: the same in every panel. */
function color(name) {
  if (!colors.has(name)) colors.set(name, COLORS[colors.size % COLORS.length]);
  return colors.get(name);
}

/** The colour that thresholds give a value. */
function graded(value, { steps }) {
  const reached = steps.filter((it) => it.value === null || value >= it.value);
  return NAMED[reached.at(-1).color];
}

/** Text as HTML. */
function escaped(text) {
  return String(text).replace(/[&<>"]/g, (it) => `&#${it.charCodeAt(0)};`);
}

/** The last number of a series. */
function last(data) {
  return data.findLast((it) => it !== null) ?? null;
}

function legend(element, found, unit, decimals) {
  const rows = found.map(({ name, data }) => {
    const numbers = data.filter((it) => it !== null);
    const calcs = [numbers.reduce((sum, it) => sum + it, 0) / numbers.length, Math.max(...numbers), last(data)];
    const cells = calcs.map((it) => `<td>${format(it, unit, decimals)}</td>`).join("");
    return `<tr><td title="${escaped(name)}"><i style="background:${color(name)}"></i>${escaped(name)}</td>${cells}</tr>`;
  });
  const table = document.createElement("div");
  table.className = "legend";
  table.innerHTML = `<table><tr><th></th><th>mean</th><th>max</th><th>last</th></tr>${rows.join("")}</table>`;
  element.append(table);
}

/** One exemplar for each fortieth of the time: the slowest. */
function slowest(exemplars, times) {
  const found = new Map();
  for (const it of exemplars) {
    const at = Math.floor((40 * (it.time - times[0])) / (times.at(-1) - times[0]));
    if (!(found.get(at)?.value > it.value)) found.set(at, it);
  }
  return [...found.values()];
}

/** A time of day, with seconds where the range is short. */
function clock(second, times) {
  return new Date(second * 1000).toTimeString().slice(0, times.at(-1) - times[0] > 900 ? 5 : 8);
}

/** Each series on top of the ones before it. */
function stacked(found) {
  const sums = found[0].data.map(() => 0);
  return found.map((it) => ({ ...it, drawn: it.data.map((value, at) => (sums[at] += value ?? 0)) }));
}

/** Lines over time, with the thresholds dashed and the exemplars as diamonds. */
export function drawGraph(element, panel, { times, found }, exemplars) {
  if (!found.length) return false;
  const { unit, min, max, decimals, custom, thresholds } = panel.fieldConfig.defaults;
  found.sort((one, other) => one.name.localeCompare(other.name));
  legend(element, found, unit, decimals);
  const isStacked = custom.stacking.mode === "normal";
  // The highest is drawn first, so that what is stacked below it stays visible.
  const lines = isStacked ? stacked(found).reverse() : found.map((it) => ({ ...it, drawn: it.data }));
  const limits = custom.thresholdsStyle.mode === "off" ? [] : thresholds.steps.filter((it) => it.value !== null);
  const body = element.querySelector(".body");
  const highest = Math.max(...lines.flatMap((it) => it.drawn.filter((value) => value !== null)));
  const shown = slowest(exemplars, times);
  const range = () => {
    const near = limits.map((it) => it.value).filter((it, at) => it <= highest * 3 || (highest === 0 && at === 0));
    const top = max ?? Math.max(highest, ...near, ...shown.map((it) => it.value)) * 1.1;
    return [min ?? Math.min(0, ...lines.flatMap((it) => it.drawn.filter((value) => value !== null))), top || 1];
  };
  const marks = (plot) => {
    const { ctx } = plot;
    ctx.save();
    for (const { value, color: name } of limits) {
      const y = plot.valToPos(value, "y", true);
      if (y < plot.bbox.top) continue;
      ctx.strokeStyle = NAMED[name];
      ctx.setLineDash([6, 6]);
      ctx.strokeRect(plot.bbox.left, y, plot.bbox.width, 0);
    }
    ctx.fillStyle = "#ff7bff";
    for (const { time, value } of shown) {
      const [x, y] = [plot.valToPos(time, "x", true), plot.valToPos(value, "y", true)];
      if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
      ctx.beginPath();
      for (const [dx, dy] of [[0, -4], [4, 0], [0, 4], [-4, 0]]) ctx.lineTo(x + dx, y + dy);
      ctx.fill();
    }
    ctx.restore();
  };
  const axis = { stroke: "#9a9bab", grid: { stroke: "#25282e", width: 1 }, ticks: { show: false }, font: "11px system-ui, 'DejaVu Sans'" };
  const options = {
    width: body.clientWidth - 12,
    height: body.clientHeight - 4,
    legend: { show: false },
    cursor: { points: { size: 5 } },
    padding: [8, 24, 0, 0],
    scales: { x: { min: times[0], max: times.at(-1) }, y: { range } },
    axes: [
      { ...axis, size: 26, space: 70, values: (_, ticks) => ticks.map((it) => clock(it, times)) },
      { ...axis, size: 62, space: 26, values: (_, ticks) => ticks.map((it) => format(it, unit)), ...(unit === "bytes" && { incrs: POWERS }) },
    ],
    series: [
      {},
      ...lines.map(({ name }) => ({
        label: name, stroke: color(name), width: 1.4, points: { show: false }, fill: color(name) + (isStacked ? "99" : "14"), spanGaps: true,
      })),
    ],
    hooks: { draw: [marks] },
  };
  new uPlot(options, [times, ...lines.map((it) => it.drawn)], body);
  return true;
}

/** The last values, large, in the colours of the thresholds. */
export function drawStats(element, panel, { found }) {
  const { unit, decimals, thresholds } = panel.fieldConfig.defaults;
  const some = found.map((it) => ({ name: it.name, value: last(it.data) })).filter((it) => it.value !== null);
  const size = { 1: 30, 2: 24, 3: 20, 4: 16 }[some.length] ?? 15;
  const one = ({ name, value }) => {
    const text = `<div style="font-size:${size}px;color:${graded(value, thresholds)}">${format(value, unit, decimals)}</div>`;
    return `<div>${some.length > 1 ? `<small>${escaped(name)}</small>` : ""}${text}</div>`;
  };
  element.querySelector(".body").innerHTML = `<div class="stats">${some.map(one).join("")}</div>`;
  return some.length > 0;
}

/** How many fell between two bounds of a histogram, as a field of colours. */
export function drawHeatmap(element, panel, { times, found }) {
  const bound = (it) => (it.metric.le === "+Inf" ? Infinity : Number(it.metric.le));
  const buckets = found.toSorted((one, other) => bound(one) - bound(other));
  const counts = buckets.map((it, at) => it.data.map((value, when) => Math.max(0, (value ?? 0) - (buckets[at - 1]?.data[when] ?? 0))));
  const most = Math.max(0, ...counts.flat());
  if (most === 0) return false;
  const body = element.querySelector(".body");
  const canvas = document.createElement("canvas");
  const [width, height, left, bottom] = [body.clientWidth - 12, body.clientHeight - 4, 62, 22];
  const ratio = window.devicePixelRatio;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  canvas.style.width = `${width}px`;
  body.append(canvas);
  const ctx = canvas.getContext("2d");
  ctx.scale(ratio, ratio);
  ctx.font = "11px system-ui, 'DejaVu Sans'";
  const [across, up] = [(width - left) / times.length, (height - bottom) / buckets.length];
  counts.forEach((row, at) =>
    row.forEach((count, when) => {
      const share = Math.sqrt(count / most);
      ctx.fillStyle = count === 0 ? "#1c1f24" : `hsl(${38 - 20 * share} 95% ${18 + 45 * share}%)`;
      ctx.fillRect(left + when * across, (buckets.length - at - 1) * up, across + 0.5, up - 1);
    }),
  );
  ctx.fillStyle = "#9a9bab";
  ctx.textAlign = "right";
  buckets.forEach((it, at) => {
    if (at % Math.ceil(14 / up) === 0) ctx.fillText(it.metric.le === "+Inf" ? "more" : format(bound(it), "s"), left - 6, (buckets.length - at) * up - up / 2 + 4);
  });
  ctx.textAlign = "center";
  for (let x = 0.1; x < 1; x += 0.27) {
    ctx.fillText(clock(times[Math.floor(x * times.length)], times), left + x * (width - left), height - 6);
  }
  return true;
}

/** One row per set of labels, one column per query: Grafana's transformations `merge` and `organize`. */
export function drawTable(element, panel, results) {
  const { renameByName, indexByName } = panel.transformations.find((it) => it.id === "organize").options;
  const rows = new Map();
  results.forEach((result, at) => {
    const column = results.length > 1 ? `Value #${String.fromCharCode(65 + at)}` : "Value";
    for (const { metric, value } of result) {
      const key = JSON.stringify(Object.entries(metric).sort());
      rows.set(key, { ...metric, ...rows.get(key), [column]: Number(value[1]) });
    }
  });
  const columns = Object.keys(indexByName).sort((one, other) => indexByName[one] - indexByName[other]);
  const cell = (row, column) => {
    if (!column.startsWith("Value")) return `<td>${escaped(row[column] ?? "")}</td>`;
    const { properties } = panel.fieldConfig.overrides.find((it) => it.matcher.options === renameByName[column]);
    const [unit, thresholds] = ["unit", "thresholds"].map((id) => properties.find((it) => it.id === id).value);
    const shade = thresholds.steps.length > 1 ? graded(row[column], thresholds) : "inherit";
    return `<td style="color:${shade}">${format(row[column] ?? null, unit)}</td>`;
  };
  const sorted = [...rows.entries()].sort(([one], [other]) => one.localeCompare(other)).map(([, row]) => row);
  const body = element.querySelector(".body");
  body.classList.add("table");
  const head = columns.map((it) => `<th>${escaped(renameByName[it])}</th>`).join("");
  body.innerHTML = `<table><tr>${head}</tr>${sorted.map((row) => `<tr>${columns.map((it) => cell(row, it)).join("")}</tr>`).join("")}</table>`;
  return sorted.length > 0;
}
