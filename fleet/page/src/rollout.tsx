// How far a rollout is, who is judged in it, and what a person may say to it.
import { Ask } from "./dialog";
import { useLive, useNow } from "./live";
import { perform } from "./messages";
import { Cell, Head, ReleaseLink, Row, Table } from "./parts";
import type { Member, Rollout } from "./told";
import { count, printable, span } from "./words";

const DONE_SHOWN_MS = 600_000;
const MOST = 50; // devices that are listed
const KIND: Record<string, string> = { good: "good", back: "good", bad: "bad", unwell: "bad", soaking: "busy", updating: "busy", "going back": "busy" };

export function RolloutPart() {
  const { rollout, members } = useLive();
  const now = useNow();
  if (!rollout || (rollout.phase === "done" && now - Date.parse(rollout.ended_at ?? "") > DONE_SHOWN_MS)) return null;
  const kind = { rolling: "busy", halted: "bad", "taken back": "bad", done: "good" }[rollout.phase];
  const isOver = rollout.phase === "done";
  return (
    <section class="rollout" aria-labelledby="rollout">
      <div class="beside">
        <h2 id="rollout">Rollout of <ReleaseLink of={rollout.release} /> <span class="quiet">over {rollout.base.version}</span></h2>
        <span class={`state ${kind}`}>{rollout.phase}</span>
      </div>
      {rollout.reason && <p class="reason">{printable(rollout.reason)}</p>}
      <ol class="stages" aria-label="Stages">
        {rollout.stages.map((stage, index) => (
          <li key={index} class={isOver || index < rollout.stage ? "past" : ""} aria-current={!isOver && index === rollout.stage ? "step" : undefined}>
            {stage.name}: <span class="quiet">{stage.good} of {stage.devices} good</span>
          </li>
        ))}
      </ol>
      {rollout.phase === "rolling" && <Gate of={rollout} />}
      {!isOver && <Says of={rollout} />}
      {!isOver && <Judged rollout={rollout} members={[...members.entries()]} />}
    </section>
  );
}

/** For how long all of this stage have been well. */
function Gate({ of }: { of: Rollout }) {
  const needed = of.policy.soak_seconds, well = Math.min(of.soaked_seconds, needed);
  return (
    <p class="gate">
      <progress max={needed} value={well} aria-label="well for so long" />
      <span class="quiet">{well > 0 ? `well for ${span(well)} of ${span(needed)}` : `has to be well for ${span(needed)}`}</span>
    </p>
  );
}

function Says({ of }: { of: Rollout }) {
  return (
    <p class="buttons">
      <Ask class={of.phase === "rolling" ? "" : "main"} title="Continue?" button="Continue" onDone={() => perform("rollout_continue", {})}
        fields={() => <p>It goes on {of.by_hand ? "with this stage again." : "with the next stage, whatever the devices of this one say."}</p>}>Continue…</Ask>
      {of.phase === "rolling" && (
        <Ask title="Halt?" button="Halt" onDone={() => perform("rollout_halt", {})}
          fields={() => <p>Nobody else gets {of.release.version}; who has it keeps it.</p>}>Halt…</Ask>
      )}
      {of.phase !== "taken back" && (
        <Ask class="grave" title="Take it back?" button="Take it back" isGrave onDone={() => perform("rollout_undo", {})}
          fields={() => <p>All devices without a pin are to run {of.base.version} again.</p>}>Take it back…</Ask>
      )}
    </p>
  );
}

function Judged({ rollout, members }: { rollout: Rollout; members: [uuid: string, member: Member][] }) {
  const judged = members.filter(([, member]) => member.stage <= rollout.stage).sort(([, a], [, b]) => a.stage - b.stage || a.name.localeCompare(b.name));
  const shown = judged.filter(([, member]) => judged.length <= MOST || member.state !== "good").slice(0, MOST);
  return (
    <details open={judged.length <= 8}>
      <summary>{count(judged.length, "device")} that {judged.length === 1 ? "is" : "are"} to have it</summary>
      {shown.length > 0 && (
        <Table columns={["Device", "Stage", "State", "Why"]} label="Devices of the rollout" class="blocks">
          {shown.map(([uuid, { name, stage, state, why }]) => (
            <Row key={uuid}>
              <Head><a href={`#/device/${uuid}`}>{name}</a></Head>
              <Cell>{rollout.stages[stage]?.name}</Cell>
              <Cell><span class={`state ${KIND[state] ?? "away"}`}>{state}</span></Cell>
              <Cell class="long">{printable(why)}</Cell>
            </Row>
          ))}
        </Table>
      )}
    </details>
  );
}
