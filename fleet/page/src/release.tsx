// One release: how it was built, how large it is, who runs it, and what can be done with it.
import { Ask, Do, Field, text } from "./dialog";
import { useLive, useNow } from "./live";
import { perform } from "./messages";
import { Cell, EditTags, Facts, Head, Lines, Row, some, Table } from "./parts";
import { PreviewPart } from "./preview";
import { pushedBy, Standing } from "./releases";
import type { Release } from "./told";
import { ago, moment, printable, size, span } from "./words";

const MOST = 30; // names of devices

export function ReleaseView({ commit }: { commit: string }) {
  const { devices, releases, release: full, build, isFocused } = useLive();
  const now = useNow();
  const release = releases.get(commit);
  if (!release) {
    return (
      <section class="empty">
        <h1 tabIndex={-1}>Release</h1>
        <p>{isFocused ? "There is no such release. " : "…"}<a href="#/releases">All releases</a></p>
      </section>
    );
  }
  const isToCome = release.state === "draft" || (release.is_latest && release.devices < devices.size);
  const took = release.ended_at && (Date.parse(release.ended_at) - Date.parse(release.began_at)) / 1000;
  const deltas = Object.entries(full?.deltas ?? {});
  const images = Object.entries(full?.images ?? {});
  return (
    <section>
      <p class="path"><a href="#/releases">Releases</a></p>
      <header class="title">
        <h1 tabIndex={-1}>{release.version}</h1>
        <p><Standing of={release} /></p>
      </header>
      <Actions release={release} />
      <Facts of={[
        ["began", `${moment(release.began_at)}, ${ago(release.began_at, now)}`],
        ["took", took ? span(took) : ""],
        ["pushed by", pushedBy(release)],
        ["note", printable(release.note)],
        ["size", release.bytes ? size(release.bytes) : ""],
        ["devices", some(full?.devices ?? [], MOST)],
        ["pinned by", some(full?.pinned_by ?? [], MOST)],
        ["commit", <code>{release.commit}</code>],
        ["git", release.tags["git.sha"] && <code>{printable(release.tags["git.sha"])}</code>],
      ]} />
      {isToCome && <PreviewPart commit={commit} />}
      <section aria-labelledby="build">
        <h2 id="build">Build</h2>
        {build.length > 0 ? (
          <Lines label="Build log" count={build.length}>
            {build.map(([seconds, service, said], index) => (
              <p key={index}><time>{seconds.toFixed(1)} s</time><b>{service || "–"}</b><span>{printable(said)}</span></p>
            ))}
          </Lines>
        ) : <p class="quiet">{isFocused ? "What its build said is not kept." : "…"}</p>}
      </section>
      {deltas.length > 0 && (
        <section aria-labelledby="deltas">
          <h2 id="deltas">Deltas</h2>
          <Table columns={["From", "Size"]} label="Deltas">
            {deltas.map(([base, bytes]) => <Row key={base}><Head>{base}</Head><Cell>{size(bytes)}</Cell></Row>)}
          </Table>
        </section>
      )}
      {images.length > 0 && (
        <section aria-labelledby="images">
          <h2 id="images">Images</h2>
          <Table columns={["Service", "Image"]} label="Images">
            {images.map(([service, image]) => <Row key={service}><Head>{service}</Head><Cell><code>{image.slice(0, 12)}</code></Cell></Row>)}
          </Table>
        </section>
      )}
      <section aria-labelledby="tags">
        <h2 id="tags">Tags</h2>
        <EditTags of={release.tags} action="tag_release" body={{ release: commit }} />
      </section>
    </section>
  );
}

function Actions({ release }: { release: Release }) {
  const body = { release: release.commit };
  return (
    <p class="buttons">
      {release.state === "draft" && (
        <Ask class="main" title={`Finalize ${release.version}?`} button="Finalize" onDone={() => perform("finalize", body)}
          fields={() => <p>It becomes a release, and all devices without a pin follow it if it is the latest.</p>}>Finalize…</Ask>
      )}
      {release.has_images && !release.is_pinned && (
        <Ask title={`Pin the fleet to ${release.version}?`} button="Pin the fleet" onDone={() => perform("pin", body)}
          fields={() => <p>All devices without a pin of their own are to run it, until the fleet is told to follow the latest again.</p>}>Pin the fleet…</Ask>
      )}
      {release.is_pinned && <Do name="pin" body={{ release: "latest" }}>Follow the latest</Do>}
      {release.state === "final" && (
        <Ask class="grave" title={`Invalidate ${release.version}?`} button="Invalidate" isGrave onDone={() => perform("invalidate", body)}
          fields={() => <p>It is not followed any more: devices without a pin go to the latest of the others.</p>}>Invalidate…</Ask>
      )}
      {release.state === "invalidated" && release.has_images && <Do name="invalidate" body={{ ...body, undo: true }}>Let it be followed again</Do>}
      <Ask title="Note" button="Write" onDone={(form) => perform("note", { ...body, text: text(form, "note") })}
        fields={() => <Field label="What it is about"><input name="note" value={release.note} autocomplete="off" /></Field>}>Note…</Ask>
    </p>
  );
}
