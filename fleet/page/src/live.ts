// What there is; whoever shows something of it is woken, once a frame, when it has changed.
import { useEffect, useReducer, useState } from "preact/hooks";
import type { BuildLine, Device, DeviceInFull, Fleet, Line, Member, Policy, Release, ReleaseInFull, Rollout, Session, Variable } from "./told";

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
  policy: null as Policy | null,
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
