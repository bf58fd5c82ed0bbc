// What the server tells, in its own words.

export interface Session {
  person: string;
  fleet: string;
  csrf: string;
}

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

/** What a release would do to devices of which the same is to be said. */
export interface Effect {
  devices: string[];
  services: string;
  download: string;
  outputs: string;
  locks: string;
  presence: string;
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

export interface Policy {
  canary: string; // "": none, everybody gets a release at once
  soak: string;
  waves: string;
  patience: string;
  said: string;
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
