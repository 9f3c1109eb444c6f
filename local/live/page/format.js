// Numbers for reading.

export function ms(v) {
  if (v === null || v === undefined || Number.isNaN(v)) return '–';
  if (v < 0) return `-${ms(-v)}`;
  if (v < 9.95) return `${v.toFixed(1)} ms`;
  if (v < 999.5) return `${Math.round(v)} ms`;
  if (v < 59_950) return `${(v / 1000).toFixed(v < 9_995 ? 2 : 1)} s`;
  const s = Math.round(v / 1000);
  return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
}

export const count = (n) => Number(n).toLocaleString('en-US');

export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

// money shows two digits of what a call costs, which is little.
export function money(usd) {
  if (usd === null || usd === undefined) return '–';
  if (usd === 0) return '$0';
  if (usd >= 0.095) return `$${usd.toFixed(2)}`;
  return `$${Number(usd.toPrecision(2)).toLocaleString('en-US', { maximumFractionDigits: 8 })}`;
}

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  if (n < 999_500) return `${(n / 1000).toFixed(n < 9950 ? 1 : 0)} kB`;
  return `${(n / 1e6).toFixed(1)} MB`;
}

// cut shortens a text to n characters, never within one.
export function cut(s, n) {
  const line = String(s).replace(/\s+/g, ' ').trim();
  const runes = Array.from(line);
  return runes.length > n ? `${runes.slice(0, n - 1).join('')}…` : line;
}

export function clock(msSince1970) {
  return new Date(msSince1970).toLocaleTimeString('en-GB', { hour12: false });
}
