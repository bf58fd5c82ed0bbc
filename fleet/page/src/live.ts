// What there is, as the server's one stream of events tells it; whoever shows something of it is woken, once a frame.
import { useEffect, useReducer, useState } from "preact/hooks";
import { lookAt, session as askWho, type Session } from "./api";

export interface Named {
  version: string;
  commit: string;
}

export interface Device {
  name: string;
  uuid: string;
  device_type: string;
  state: "online" | "offline" | "not seen yet";
  seen_at: string | null;
  release: Named | null;
  target: Named | null;
  is_pinned: boolean;
  update: string;
  reason: string;
  tags: Record<string, string>;
  health: string;
}

export interface DeviceInFull extends Device {
  joined_at: string;
  services: { service: string; state: string; release: string }[];
  metrics: Record<string, string | number>;
  variables: { name: string; service: string; of: "fleet" | "device" }[];
  stopped: string[];
}

export interface Release {
  version: string;
  commit: string;
  state: "building" | "failed" | "cancelled" | "draft" | "final" | "invalidated";
  is_latest: boolean;
  is_pinned: boolean;
  devices: number;
  pins: number;
  bytes: number;
  has_images: boolean;
  began_at: string;
  ended_at: string | null;
  note: string;
  tags: Record<string, string>;
}

export interface ReleaseInFull {
  commit: string;
  devices: string[];
  pinned_by: string[];
  images: Record<string, string>;
  deltas: Record<string, number>;
}

export interface Variable {
  name: string;
  service: string;
  device: string;
}

export interface Fleet {
  name: string;
  address: string;
  device_type: string;
  target: Named | null;
  is_pinned: boolean;
  services: string[];
}

export interface Member {
  name: string;
  stage: number;
  state: string;
  why: string;
}

export interface Rollout {
  release: Named;
  base: Named;
  phase: "rolling" | "halted" | "taken back" | "done";
  reason: string;
  by_hand: boolean;
  policy: { canary: string; soak_seconds: number; waves: number[]; patience_seconds: number };
  stage: number;
  stages: { name: string; devices: number; good: number }[];
  soaked_seconds: number; // of the device of this stage that has been well for the shortest time
  began_at: string;
  ended_at: string | null;
}

export interface Line {
  id: number;
  time: number;
  service: string;
  error: boolean;
  text: string;
}

export type BuildLine = [seconds: number, service: string, text: string];

export interface Focus {
  device?: string;
  service?: string;
  release?: string;
}

const LINES = 1000;
const HIDDEN_MS = 30_000;

export const live = {
  session: undefined as Session | null | undefined, // undefined: not known yet
  notice: "", // why one has to log in again
  isConnected: false,
  isKnown: false, // that there is what the lists show
  fleet: null as Fleet | null,
  devices: new Map<string, Device>(),
  releases: new Map<string, Release>(),
  variables: [] as Variable[],
  invitations: [] as { name: string; expires_at: string | null }[],
  rollout: null as Rollout | null,
  members: new Map<string, Member>(),
  device: null as DeviceInFull | null,
  log: [] as Line[],
  release: null as ReleaseInFull | null,
  build: [] as BuildLine[],
  isFocused: false, // whether the four above are of what is looked at
};

const watching = new Set<() => void>();
let frame = 0;

export function changed(): void {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    for (const wake of [...watching]) wake();
  });
}

/** Draw anew when something has changed. */
export function useLive(): typeof live {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const wake = () => draw(null);
    watching.add(wake);
    wake(); // what came between the first drawing and now
    return () => void watching.delete(wake);
  }, []);
  return live;
}

/** The time, as often as words like "5 min ago" may change. */
export function useNow(): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

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
