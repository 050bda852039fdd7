// Numbers for people.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const formatCount = (value) => (value === null || value === undefined ? "–" : whole.format(value));

export const formatPercent = (value, digits = 1) =>
  value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`;

// A probability: an estimate is never shown as certain, so 0 % and 100 % become "under" and "over".
export function formatProbability(value, digits = 1) {
  if (value === null || value === undefined) return "–";
  const least = 10 ** -digits;
  if (100 * value < least / 2) return `under ${least.toFixed(digits)} %`;
  if (100 * value >= 100 - least / 2) return `over ${(100 - least).toFixed(digits)} %`;
  return formatPercent(value, digits);
}

export const formatFixed = (value, digits = 3) =>
  value === null || value === undefined ? "–" : value.toFixed(digits);

export function formatDuration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const [size, unit, part, partUnit] = seconds < 3600 ? [60, "min", 1, "s"] : [3600, "h", 60, "min"];
  const rest = Math.round((seconds % size) / part);
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${partUnit}` : ""}`;
}

export function formatBytes(value) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000) return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}
