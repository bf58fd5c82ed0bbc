// What a release would do to the devices that do not run it yet, as `fleet preview` says it of a commit.
import { useEffect, useReducer, useState } from "preact/hooks";
import { effectsOf, why } from "./api";
import { Cell, Head, Row, some, Table } from "./parts";
import type { Effect } from "./told";
import { moment, printable } from "./words";

const MOST = 5; // names of devices in a row

interface Found {
  effects: Effect[];
  wrong: string;
  at: Date;
}

export function PreviewPart({ commit }: { commit: string }) {
  const [found, setFound] = useState<Found | null>(null);
  const [times, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    let isWanted = true;
    const find = (effects: Effect[], wrong = "") => { if (isWanted) setFound({ effects, wrong, at: new Date() }); };
    effectsOf(commit).then(find, (error) => find([], why(error)));
    return () => { isWanted = false; };
  }, [commit, times]);
  return (
    <section aria-labelledby="preview">
      <div class="beside">
        <h2 id="preview">What it will do to the devices</h2>
        {found && <span class="inline">as of {moment(found.at)}</span>}
        {found && <button type="button" class="small" onClick={again}>Look again</button>}
      </div>
      {found ? <Effects of={found} /> : <p class="quiet" role="status">Deltas that are missing are made first…</p>}
    </section>
  );
}

function Effects({ of: { effects, wrong } }: { of: Found }) {
  if (wrong) return <p class="wrong" role="alert">{wrong}</p>;
  if (!effects.length) return <p class="quiet">All devices run it.</p>;
  return (
    <Table columns={["Devices", "Services", "Download", "Outputs", "Locks"]} label="What it will do to the devices" class="blocks">
      {effects.map(({ devices, services, download, outputs, locks, presence }) => (
        <Row key={devices[0]}>
          <Head>{some(devices, MOST)}{presence && <span class="mark">{presence}</span>}</Head>
          <Cell class="long">{services}</Cell>
          <Cell>{download}</Cell>
          <Cell class="long">{outputs}</Cell>
          <Cell class="long">{printable(locks)}</Cell>
        </Row>
      ))}
    </Table>
  );
}
