// All releases, the last one first.
import { PinField } from "./device";
import { Ask, text } from "./dialog";
import { useLive, useNow } from "./live";
import { perform } from "./messages";
import { Cell, Head, Row, Table } from "./parts";
import { PolicyPart } from "./policy";
import { RolloutPart } from "./rollout";
import type { Release } from "./told";
import { ago, count, printable, size } from "./words";

export function standing(release: Release): string {
  return [release.state, release.is_latest && "latest", release.is_pinned && "pinned"].filter(Boolean).join(", ");
}

export function Standing({ of }: { of: Release }) {
  const kind = { building: "busy", final: "good", draft: "away", invalidated: "away", failed: "bad", cancelled: "bad" }[of.state];
  return <span class={`state ${kind}`}>{standing(of)}</span>;
}

export function pushedBy(release: Release): string {
  return printable(release.tags["pushed.by"] ?? "");
}

export function Releases() {
  const { releases, fleet } = useLive();
  const now = useNow();
  const every = [...releases.values()].sort((a, b) => b.began_at.localeCompare(a.began_at));
  return (
    <section>
      <header class="title">
        <h1 tabIndex={-1}>Releases</h1>
        <p class="quiet">
          {fleet?.target ? `the fleet is to run ${fleet.target.version}${fleet.is_pinned ? " (pinned)" : ""}` : "the fleet has nothing to run"}
        </p>
      </header>
      <RolloutPart />
      <PolicyPart />
      {every.length === 0 && <p>Nothing was pushed yet: <code>git push fleet main</code></p>}
      {every.length > 0 && (
        <>
          {every.some((release) => release.has_images) && <p class="buttons">
            <Ask title="Which release is the fleet to run?" button="Set" onDone={(form) => perform("pin", { release: text(form, "release") })}
              fields={() => <PinField releases={every} chosen={every.find((release) => release.is_pinned)?.commit} />}>Pin the fleet…</Ask>
            <Ask title="Roll back?" button="Roll back" isGrave onDone={() => perform("rollback", {})}
              fields={() => <p>The fleet is pinned to the last good release before the one that it is to run now.</p>}>Roll back…</Ask>
          </p>}
          <Table columns={["Version", "State", "Devices", "Size", "Began", "By", "Note"]} label="Releases" class="blocks">
            {every.map((release) => (
              <Row key={release.commit}>
                <Head><a href={`#/release/${release.commit}`}>{release.version}</a></Head>
                <Cell><Standing of={release} /></Cell>
                <Cell name="on" class="short">{release.devices ? count(release.devices, "device") : <span class="quiet">none</span>}</Cell>
                <Cell name={release.bytes ? "size" : undefined} class="short">{release.bytes ? size(release.bytes) : ""}</Cell>
                <Cell name="began" class="quiet">{ago(release.began_at, now)}</Cell>
                <Cell name={pushedBy(release) && "by"} class="long">{pushedBy(release)}</Cell>
                <Cell class="long">{printable(release.note)}</Cell>
              </Row>
            ))}
          </Table>
        </>
      )}
    </section>
  );
}
