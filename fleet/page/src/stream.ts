// The server's one stream of events: what it tells becomes what there is.
import { lookAt, session as askWho } from "./api";
import { changed, live } from "./live";
import type { Focus } from "./told";

const LINES = 1000;
const HIDDEN_MS = 30_000;

let source: EventSource | null = null;
let stream = "";
let focus: Focus = {};
let isNew = false; // the next patch has all there is
let retry = 0;

export function connect(): void {
  if (source || !live.session) return;
  clearTimeout(retry);
  source = new EventSource("/page/api/events");
  source.addEventListener("hello", (event) => {
    stream = JSON.parse(event.data).id;
    isNew = true;
    live.isConnected = true;
    tellFocus();
    changed();
  });
  source.addEventListener("patch", (event) => apply(JSON.parse(event.data)));
  source.addEventListener("over", () => void again());
  source.onerror = () => {
    live.isConnected = false;
    changed();
    if (source?.readyState === EventSource.CLOSED) void again();
  };
}

export function disconnect(): void {
  source?.close();
  source = null;
  stream = "";
  live.isConnected = false;
  clearTimeout(retry);
  changed();
}

/** Connect again, unless the session is over: then `ask` says so. */
async function again(): Promise<void> {
  disconnect();
  try {
    await askWho();
    connect();
  } catch {
    if (live.session) retry = setTimeout(() => void again(), 3_000);
  }
}

// A page that nobody sees needs no stream; a browser has six connections to a server, for all its pages.
let hidden = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (document.hidden) hidden = setTimeout(disconnect, HIDDEN_MS);
  else connect();
});

export function setFocus(wanted: Focus): void {
  focus = wanted;
  live.device = live.release = null;
  live.log = [];
  live.build = [];
  live.isFocused = false;
  tellFocus();
  changed();
}

/** Have the log of the device show another service. */
export function setLogService(service: string): void {
  focus = { ...focus, service };
  live.log = [];
  tellFocus();
  changed();
}

function tellFocus(): void {
  if (stream) lookAt(stream, focus).catch(() => undefined); // the stream is gone: the next one says hello
}

function apply(patch: any): void {
  if (isNew && patch.fleet) {
    live.devices = new Map();
    live.releases = new Map();
    live.members = new Map();
    isNew = false;
  }
  merge(live.devices, patch.devices);
  merge(live.releases, patch.releases);
  merge(live.members, patch.members);
  if (patch.fleet) {
    live.fleet = patch.fleet;
    live.isKnown = true;
  }
  if (patch.variables) live.variables = patch.variables;
  if (patch.invitations) live.invitations = patch.invitations;
  if (patch.policy) live.policy = patch.policy;
  if (patch.rollout !== undefined) live.rollout = patch.rollout;
  if (patch.device !== undefined && patch.device?.uuid === focus.device) {
    live.device = patch.device;
    live.isFocused = true;
  }
  if (patch.device === null && focus.device) live.isFocused = true;
  if (patch.release !== undefined && focus.release && (patch.release?.commit ?? focus.release) === focus.release) {
    live.release = patch.release;
    live.isFocused = true;
  }
  if (patch.log) live.log = [...(patch.from_start ? [] : live.log), ...patch.log].slice(-LINES);
  if (patch.build) live.build = [...(patch.from_start ? [] : live.build), ...patch.build];
  changed();
}

function merge<View>(known: Map<string, View>, patch: Record<string, View | null> | undefined): void {
  for (const [id, view] of Object.entries(patch ?? {})) {
    if (view === null) known.delete(id);
    else known.set(id, view);
  }
}
