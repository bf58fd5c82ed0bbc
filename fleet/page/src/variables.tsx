// Variables: of the fleet, and (in its own view) those that reach a device; values are shown one by one.
import { useState } from "preact/hooks";
import { act } from "./api";
import { Ask, Field, text } from "./dialog";
import { useLive } from "./live";
import { attempt, perform } from "./messages";
import { Cell, Head, Row, Table } from "./parts";
import type { Device, Variable } from "./told";
import { MASK } from "./words";

export function VariablesView() {
  return (
    <section>
      <header class="title">
        <h1 tabIndex={-1}>Variables</h1>
        <p class="quiet">Services get them as environment; what a change reaches is started anew. Those of a device come before those of the fleet.</p>
      </header>
      <Variables />
    </section>
  );
}

export function Variables({ device }: { device?: Device }) {
  const { variables } = useLive();
  const shown = variables.filter((variable) => !device || ["", device.name].includes(variable.device));
  return (
    <>
      {shown.length > 0 && (
        <Table columns={["Name", "Value", "Service", "Device", ""]} label="Variables" class="blocks">
          {shown.map((variable) => (
            <VariableRow key={`${variable.name} ${variable.service} ${variable.device}`} variable={variable} isOverridden={!!device && isOverridden(variable, shown)} />
          ))}
        </Table>
      )}
      {!shown.length && <p class="quiet">No variables are set.</p>}
      <p class="buttons"><SetVariable device={device?.name} /></p>
    </>
  );
}

/** Tell whether what reaches a device has another value there, by a variable of the device's own. */
function isOverridden(variable: Variable, all: Variable[]): boolean {
  return !variable.device && all.some((other) => other.device && other.name === variable.name && ["", variable.service].includes(other.service));
}

function VariableRow({ variable, isOverridden }: { variable: Variable; isOverridden: boolean }) {
  const [value, setValue] = useState<string | null>(null);
  const { name, service, device } = variable;
  async function show() {
    setValue((await act("value_of", variable)).value);
  }
  return (
    <Row>
      <Head><code>{name}</code>{isOverridden && <span class="mark">overridden</span>}</Head>
      <Cell class="value long">
        {value === null ? <span class="quiet" aria-label="hidden">{MASK}</span> : <code>{value}</code>}{" "}
        <button type="button" class="small" aria-label={value === null ? `show ${name}` : `hide ${name}`} onClick={() => (value === null ? void attempt(show()) : setValue(null))}>
          {value === null ? "Show" : "Hide"}
        </button>
      </Cell>
      <Cell name="service">{service || <span class="quiet">all</span>}</Cell>
      <Cell name="device" class="long">{device || <span class="quiet">all</span>}</Cell>
      <Cell class="acts">
        <SetVariable known={variable} onSet={() => setValue(null)} />
        <Ask class="small" label={`remove ${name}`} title={`Remove ${name}?`} button="Remove" isGrave
          onDone={() => perform("unset_variables", { unwanted: [name], service, device })}
          fields={() => <p>What it reaches is started anew without it.</p>}>Remove…</Ask>
      </Cell>
    </Row>
  );
}

/** Set a new variable, or another value of one that is known. */
function SetVariable({ known, device, onSet }: { known?: Variable; device?: string; onSet?: () => void }) {
  const { fleet, devices } = useLive();
  async function set(form: FormData) {
    const scope = known ?? { name: text(form, "name").trim(), service: text(form, "service"), device: text(form, "device") };
    await perform("set_variables", { values: { [scope.name]: text(form, "value") }, service: scope.service, device: scope.device });
    onSet?.();
  }
  return (
    <Ask class={known ? "small" : ""} label={known && `change ${known.name}`} title={known ? `Change ${known.name}` : "Set a variable"} button="Set" onDone={set}
      fields={() => (
        <>
          {!known && <Field label="Name"><input name="name" required autocomplete="off" spellcheck={false} pattern="[A-Za-z_][A-Za-z0-9_]*" title="letters, digits and _" /></Field>}
          <Field label="Value"><textarea name="value" rows={2} autocomplete="off" spellcheck={false} /></Field>
          {!known && (
            <>
              <Field label="Service">
                <select name="service"><option value="">all services</option>{fleet?.services.map((name) => <option key={name}>{name}</option>)}</select>
              </Field>
              <Field label="Device">
                <select name="device" value={device ?? ""}>
                  <option value="">all devices</option>
                  {device ? <option>{device}</option> : [...devices.values()].map((one) => <option key={one.uuid}>{one.name}</option>)}
                </select>
              </Field>
            </>
          )}
        </>
      )}>{known ? "Change…" : "Set a variable…"}</Ask>
  );
}
