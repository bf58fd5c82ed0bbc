// Who gets a new release first, and how the others follow: the policy of the rollouts to come.
import { useState } from "preact/hooks";
import { Ask, Field, text } from "./dialog";
import { useLive } from "./live";
import { perform } from "./messages";
import type { Policy } from "./told";

export function PolicyPart() {
  const { policy } = useLive();
  if (!policy) return null;
  const [said, ...warnings] = policy.said.split("\n");
  return (
    <div class="policy">
      <p>
        <span>{sentence(said!)}</span>
        <Ask class="small" label="change who gets a new release first" title="Who gets a new release first?" button="Set" onDone={set} fields={() => <Fields of={policy} />}>Change…</Ask>
      </p>
      {warnings.map((warning) => <p key={warning} class="reason">{sentence(warning)}</p>)}
    </div>
  );
}

const sentence = (text: string) => `${text[0]!.toUpperCase()}${text.slice(1)}.`;

function set(form: FormData): Promise<void> {
  const kind = text(form, "kind");
  if (!kind) return perform("rollout_policy", { off: true });
  const [soak, waves, patience] = ["soak", "waves", "patience"].map((name) => text(form, name));
  return perform("rollout_policy", { canary: `${kind}:${text(form, "canary").trim()}`, soak, waves, patience });
}

function Fields({ of }: { of: Policy }) {
  const [, kept = "", who = ""] = /^(tag|share):(.*)$/.exec(of.canary) ?? [];
  const [kind, setKind] = useState(kept);
  return (
    <>
      <Field label="First">
        <select name="kind" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          <option value="">nobody: everybody at once</option>
          <option value="tag">devices with a tag</option>
          <option value="share">a share of the devices</option>
        </select>
      </Field>
      {kind && (
        <>
          {kind === "tag"
            ? <Field key="tag" label="Tag" name="canary" hint="NAME=VALUE"><input name="canary" required autocomplete="off" spellcheck={false} defaultValue={kept === "tag" ? who : "canary=yes"} /></Field>
            : <Field key="share" label="Share" name="canary" hint="at least one device"><input name="canary" required autocomplete="off" defaultValue={kept === "share" ? who : "10%"} /></Field>}
          <Field label="Soak" name="soak" hint="how long each has to be well, without a break"><input name="soak" required autocomplete="off" defaultValue={of.soak} /></Field>
          <Field label="Waves" name="waves" hint="how many have it after each"><input name="waves" required autocomplete="off" defaultValue={of.waves} /></Field>
          <Field label="Patience" name="patience" hint="how long it waits for who is offline, before it halts"><input name="patience" required autocomplete="off" defaultValue={of.patience} /></Field>
        </>
      )}
      <p class="quiet">It counts for the rollouts that begin from now on.</p>
    </>
  );
}
