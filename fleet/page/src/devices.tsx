// All devices: how they are, and what they run.
import { Component } from "preact";
import { useState } from "preact/hooks";
import { useLive, useNow } from "./live";
import { Cell, Head, Health, isUnwell, isUpdating, ReleaseLink, Row, State, Table, Tags } from "./parts";
import { RolloutPart } from "./rollout";
import type { Device } from "./told";
import { ago, count } from "./words";

const WHICH: [name: string, is: (device: Device) => boolean][] = [
  ["all", () => true],
  ["online", (device) => device.state === "online"],
  ["offline", (device) => device.state !== "online"],
  ["updating", isUpdating],
  ["unwell", isUnwell],
];
const order = new Intl.Collator(undefined, { numeric: true });

function finds(device: Device, words: string[]): boolean {
  const all = [device.name, device.uuid, device.release?.version, device.target?.version, device.health,
    ...Object.entries(device.tags).map(([name, value]) => `${name}=${value}`)].join("\n").toLowerCase();
  return words.every((word) => all.includes(word));
}

export function Devices() {
  const { devices, fleet } = useLive();
  const now = useNow();
  const [which, setWhich] = useState("all");
  const [wanted, setWanted] = useState("");
  const every = [...devices.values()].sort((a, b) => order.compare(a.name, b.name));
  const is = WHICH.find(([name]) => name === which)![1];
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = every.filter((device) => is(device) && finds(device, words));
  if (!every.length) {
    return (
      <section class="empty">
        <h1 tabIndex={-1}>Devices</h1>
        <p>No device has joined yet. <a href="#/join">Let one join</a></p>
      </section>
    );
  }
  return (
    <section>
      <header class="title">
        <h1 tabIndex={-1}>Devices</h1>
        <p class="quiet">
          {count(every.length, "device")}; {fleet?.target ? <>the fleet is to run <ReleaseLink of={fleet.target} /></> : "the fleet has nothing to run"}
          {fleet?.is_pinned ? " (pinned)" : ""}
        </p>
      </header>
      <RolloutPart />
      <div class="filter" role="search">
        <input type="search" aria-label="Find devices by name, release, tag or health" placeholder="name, release, tag…"
          value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        <span class="choice" role="group" aria-label="Which devices">
          {WHICH.map(([name, has]) => (
            <button key={name} type="button" aria-pressed={which === name} onClick={() => setWhich(name)}>
              {name} <span class="quiet">{every.filter(has).length}</span>
            </button>
          ))}
        </span>
      </div>
      <Table columns={["Name", "State", "Release", "Target", "Health", "Seen", "Tags"]} label="Devices" class="blocks">
        {shown.map((device) => (
          <DeviceRow key={device.uuid} device={device} seen={device.state === "online" ? "now" : ago(device.seen_at, now)} />
        ))}
      </Table>
      {!shown.length && <p class="quiet">No device is so.</p>}
    </section>
  );
}

/** A row that is drawn anew only when it is another one: there may be a thousand. */
class DeviceRow extends Component<{ device: Device; seen: string }> {
  shouldComponentUpdate(next: { device: Device; seen: string }) {
    return next.device !== this.props.device || next.seen !== this.props.seen;
  }

  render() {
    const { device, seen } = this.props;
    return (
      <Row>
        <Head><a href={`#/device/${device.uuid}`}>{device.name}</a></Head>
        <Cell><State of={device} /></Cell>
        <Cell name="runs"><ReleaseLink of={device.release} /></Cell>
        <Cell name="is to run">
          {device.release && device.target?.commit === device.release.commit && !device.is_pinned ? <span class="quiet">the same</span> : <ReleaseLink of={device.target} />}
          {device.is_pinned && <span class="mark">pinned</span>}
        </Cell>
        <Cell name={device.health && "health"} class="long"><Health of={device.health} /></Cell>
        <Cell name="seen" class="quiet">{seen}</Cell>
        <Cell class="long"><Tags of={device.tags} /></Cell>
      </Row>
    );
  }
}
