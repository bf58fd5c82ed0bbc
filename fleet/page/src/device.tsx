// One device: its services, log, measurements, variables and tags, and what can be done with it.
import { useState } from "preact/hooks";
import { Ask, Do, Field, text } from "./dialog";
import { useLive, useNow } from "./live";
import { perform } from "./messages";
import { Cell, EditTags, Facts, Head, Health, Lines, ReleaseLink, Row, State, Table } from "./parts";
import { setLogService } from "./stream";
import type { Device, DeviceInFull, Release } from "./told";
import { Variables } from "./variables";
import { ago, clock, moment, printable } from "./words";

export function DeviceView({ uuid }: { uuid: string }) {
  const { devices, device: full, isFocused, isKnown } = useLive();
  const now = useNow();
  const device = devices.get(uuid);
  if (!device) {
    return (
      <section class="empty">
        <h1 tabIndex={-1}>Device</h1>
        <p>{isKnown && isFocused ? "There is no such device (any more). " : "…"}<a href="#/">All devices</a></p>
      </section>
    );
  }
  return (
    <section>
      <p class="path"><a href="#/">Devices</a></p>
      <header class="title">
        <h1 tabIndex={-1}>{device.name}</h1>
        <p>
          <State of={device} />
          {device.state !== "online" && device.seen_at && <span class="quiet"> seen {ago(device.seen_at, now)}</span>}
        </p>
      </header>
      <Actions device={device} />
      {device.reason && <p class="warning"><strong>{device.update === "rejected" ? "It went back to the release before." : "It does not get on."}</strong> {printable(device.reason)}</p>}
      <Overview device={device} full={full} />
      <Services device={device} full={full} />
      <Log />
      <section aria-labelledby="variables">
        <h2 id="variables">Variables</h2>
        <Variables device={device} />
      </section>
      <section aria-labelledby="tags">
        <h2 id="tags">Tags</h2>
        <EditTags of={device.tags} action="tag_device" body={{ device: device.uuid }} />
      </section>
    </section>
  );
}

function Actions({ device }: { device: Device }) {
  const { releases } = useLive();
  const isOnline = device.state === "online";
  const body = { device: device.uuid };
  return (
    <p class="buttons">
      <Do name="restart" body={body}>Restart all</Do>
      <Do name="identify" body={body} disabled={!isOnline}>Identify</Do>
      <Ask title={`Which release is ${device.name} to run?`} button="Set"
        onDone={(form) => perform("pin", { ...body, release: text(form, "release") })}
        fields={() => <PinField releases={[...releases.values()]} chosen={device.is_pinned ? device.target?.commit : undefined} />}>
        Pin…
      </Ask>
      <Ask title={`Rename ${device.name}`} button="Rename"
        onDone={(form) => perform("rename", { ...body, name: text(form, "name").trim() })}
        fields={() => <Field label="New name"><input name="name" required maxlength={60} value={device.name} autocomplete="off" /></Field>}>
        Rename…
      </Ask>
      <Ask title={`Forget ${device.name}?`} button="Forget it" isGrave class="grave"
        onDone={async (form) => {
          await perform("remove", { ...body, force: form.has("force") });
          location.hash = "#/";
        }}
        fields={() => (
          <>
            <p>Its key, variables and log are removed here. What runs on it goes on running; to be in the fleet again, it has to join anew.</p>
            {isOnline && <label class="check"><input type="checkbox" name="force" required /> It is online: forget it nevertheless</label>}
          </>
        )}>
        Forget…
      </Ask>
    </p>
  );
}

export function PinField({ releases, chosen }: { releases: Release[]; chosen?: string }) {
  const good = releases.filter((release) => release.has_images).sort((a, b) => b.began_at.localeCompare(a.began_at));
  return (
    <Field label="Release">
      <select name="release" value={chosen ?? "latest"}>
        <option value="latest">follow: no pin</option>
        {good.map((release) => (
          <option key={release.commit} value={release.commit}>
            {release.version} ({release.state}{release.is_latest ? ", latest" : ""})
          </option>
        ))}
      </select>
    </Field>
  );
}

function Overview({ device, full }: { device: Device; full: DeviceInFull | null }) {
  const said = full?.metrics ?? {};
  const share = (what: string) => (said[`${what}_usage`] === undefined ? "" : `${said[`${what}_usage`]} of ${said[`${what}_total`] ?? "?"} MB`);
  const processor = [
    said.cpu_usage === undefined ? "" : `${said.cpu_usage} %`,
    said.cpu_temp === undefined ? "" : `${said.cpu_temp} °C`,
    said.is_undervolted ? "undervolted" : "",
  ].filter(Boolean);
  return (
    <Facts of={[
      ["release", <ReleaseLink of={device.release} />],
      ["target", <><ReleaseLink of={device.target} />{device.is_pinned && <span class="mark">pinned</span>}</>],
      ["health", device.health && <Health of={device.health} />],
      ["processor", processor.join(", ")],
      ["memory", share("memory")],
      ["storage", share("storage")],
      ["address", printable(String(said.ip_address ?? ""))],
      ["system", printable(String(said.os_version ?? ""))],
      ["agent", printable(String(said.supervisor_version ?? ""))],
      ["type", device.device_type],
      ["joined", full && moment(full.joined_at)],
      ["uuid", <code>{device.uuid}</code>],
    ]} />
  );
}

const isRunning = (state: string) => state === "Running";

function Services({ device, full }: { device: Device; full: DeviceInFull | null }) {
  const services = full?.services ?? [];
  return (
    <section aria-labelledby="services">
      <h2 id="services">Services</h2>
      {full && !services.length && <p class="quiet">It has not said what runs on it.</p>}
      {services.length > 0 && (
        <Table columns={["Service", "State", "Release", ""]} label="Services" class="blocks">
          {services.map(({ service, state, release }) => {
            const body = { device: device.uuid, service };
            const isStopped = full?.stopped.includes(service) ?? false;
            return (
              <Row key={`${service} ${release}`}>
                <Head>{printable(service)}</Head>
                <Cell><span class={`state ${isRunning(state) ? "good" : state === "exited" ? "bad" : "away"}`}>{printable(state)}</span>{isStopped && isRunning(state) && " (is to stop)"}</Cell>
                <Cell name="of">{release}</Cell>
                <Cell class="acts">
                  {isStopped
                    ? <Do name="start" body={body} class="small" label={`start ${service}`}>Start</Do>
                    : <Do name="stop" body={body} class="small" label={`stop ${service}`}>Stop</Do>}
                  <Do name="restart" body={body} class="small" label={`restart ${service}`} disabled={isStopped}>Restart</Do>
                </Cell>
              </Row>
            );
          })}
        </Table>
      )}
    </section>
  );
}

function Log() {
  const { log, device, fleet } = useLive();
  const [service, setService] = useState("");
  function choose(name: string) {
    setService(name);
    setLogService(name);
  }
  return (
    <section aria-labelledby="log">
      <div class="beside">
        <h2 id="log">Log</h2>
        <label class="inline">
          <span>of</span>
          <select value={service} onChange={(event) => choose(event.currentTarget.value)} aria-label="Service whose log is shown">
            <option value="">all services</option>
            {fleet?.services.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
        {device && <a href={`/page/api/log/${device.uuid}`} download>download all</a>}
      </div>
      <Lines label="Log" count={log.length && log[log.length - 1]!.id}>
        {log.map((line) => (
          <p key={line.id} class={line.error ? "error" : ""}>
            <time title={moment(line.time * 1000)}>{clock(line.time)}</time>
            <b>{line.service || "(device)"}</b>
            <span>{printable(line.text)}</span>
          </p>
        ))}
        {!log.length && <p class="quiet"><span>Nothing was said yet.</span></p>}
      </Lines>
    </section>
  );
}
