// Times and sizes in words, as the command line says them.

export const MASK = "••••••••";

export function span(seconds: number): string {
  for (const [unit, length, least] of [["days", 86_400, 2], ["h", 3_600, 1], ["min", 60, 1]] as const) {
    if (seconds >= length * least) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.floor(Math.max(0, seconds))} s`;
}

export function ago(time: string | null, now: number): string {
  return time === null ? "never" : `${span((now - Date.parse(time)) / 1000)} ago`;
}

export function size(bytes: number): string {
  for (const [unit, length] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]] as const) {
    if (bytes >= length) return `${(bytes / length).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}

export function moment(time: string | number | Date): string {
  return new Date(time).toLocaleString("sv-SE");
}

export function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("sv-SE");
}

/** Text without what is not to be seen or would turn its direction: it comes from devices. */
export function printable(text: string): string {
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, " ");
}

export function count(number: number, one: string, more = `${one}s`): string {
  return `${number} ${number === 1 ? one : more}`;
}
