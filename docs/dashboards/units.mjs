// Numbers as people read them, in the units that the dashboards name.

/** A number with three significant digits and no needless ones. */
function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  for (const [limit, letter] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    const divisor = letter === "k" ? 1e3 : limit;
    if (size >= limit) return `${Number((value / divisor).toPrecision(3))} ${letter}`;
  }
  return size < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${short(value * 1e6)} µs`;
  if (size < 1) return `${short(value * 1e3)} ms`;
  if (size < 120) return `${short(value)} s`;
  if (size < 7200) return `${short(value / 60)} min`;
  if (size < 172_800) return `${short(value / 3600)} h`;
  return `${short(value / 86_400)} d`;
}

function bytes(value) {
  const step = Math.min(4, Math.floor(Math.log2(Math.max(1, Math.abs(value))) / 10));
  return `${short(value / 2 ** (10 * step))} ${["B", "KiB", "MiB", "GiB", "TiB"][step]}`;
}

const UNITS = {
  s: seconds,
  bytes,
  percentunit: (value, decimals) => `${decimals === undefined ? short(value * 100) : Number((value * 100).toFixed(decimals))} %`,
  reqps: (value) => `${short(value)} /s`,
  cps: (value) => `${short(value)} /s`,
};

/** A value in a unit; what is not a number is a dash. */
export function format(value, unit, decimals) {
  if (value === null || !Number.isFinite(value)) return "–";
  return (UNITS[unit] ?? short)(value, decimals);
}
