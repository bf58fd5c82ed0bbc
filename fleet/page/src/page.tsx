// The page: who is logged in, which view is shown, and the way between them.
import { render, type TargetedEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { login, logout, session as askWho, why } from "./api";
import { DeviceView } from "./device";
import { Devices } from "./devices";
import { Join } from "./join";
import { changed, live, useLive } from "./live";
import { Messages, say } from "./messages";
import { ReleaseView } from "./release";
import { Releases } from "./releases";
import { connect, disconnect, setFocus } from "./stream";
import { VariablesView } from "./variables";

const PLACES: [hash: string, name: string][] = [["#/", "Devices"], ["#/releases", "Releases"], ["#/variables", "Variables"], ["#/join", "Join"]];

function useHash(): string {
  const [hash, set] = useState(location.hash || "#/");
  useEffect(() => {
    const go = () => set(location.hash || "#/");
    addEventListener("hashchange", go);
    return () => removeEventListener("hashchange", go);
  }, []);
  return hash;
}

function Page() {
  const { session } = useLive();
  if (session === undefined) return null;
  return session ? <Inside /> : <Login />;
}

function Inside() {
  const { session, isConnected, isKnown, fleet } = useLive();
  const hash = useHash();
  const [, place = "", id = ""] = hash.split("/");
  useEffect(() => {
    setFocus(place === "device" ? { device: id } : place === "release" ? { release: id } : {});
    connect();
  }, [hash]);
  useEffect(() => {
    if (!isKnown) return;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    document.title = `${document.querySelector("h1")?.textContent ?? ""} · ${fleet?.name}`;
  }, [hash, isKnown]);
  async function leave() {
    await logout().catch(() => undefined);
    disconnect();
    live.session = null;
    live.notice = "";
    forget();
  }
  const here = { device: "#/", "": "#/", release: "#/releases" }[place] ?? hash;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the content</a>
      <header class="top">
        <a class="name" href="#/">{session?.fleet}</a>
        <nav aria-label="Fleet">
          {PLACES.map(([to, name]) => <a key={to} href={to} aria-current={here === to ? "page" : undefined}>{name}</a>)}
        </nav>
        <span class="who">
          <span class="person">{session?.person}</span>
          <button type="button" class="small" onClick={() => void leave()}>Log out</button>
        </span>
      </header>
      <p class="connection" role="status">{isKnown && !isConnected ? "The server does not answer; what is shown may be old." : ""}</p>
      <main id="main" tabIndex={-1}>{isKnown ? <View key={hash} place={place} id={id} /> : <p class="quiet">…</p>}</main>
      <Messages />
    </>
  );
}

function View({ place, id }: { place: string; id: string }) {
  switch (place) {
    case "": return <Devices />;
    case "device": return <DeviceView uuid={id} />;
    case "releases": return <Releases />;
    case "release": return <ReleaseView commit={id} />;
    case "variables": return <VariablesView />;
    case "join": return <Join />;
    default: return <section class="empty"><h1 tabIndex={-1}>Nothing here</h1><p><a href="#/">All devices</a></p></section>;
  }
}

function Login() {
  const { notice } = useLive();
  const [wrong, setWrong] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => { document.title = "Log in · fleet"; }, []);
  async function enter(event: TargetedEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const token = String(new FormData(event.currentTarget).get("token"));
    setBusy(true);
    try {
      live.session = await login(token);
      live.notice = "";
      changed();
    } catch (error) {
      setWrong(why(error));
    }
    setBusy(false);
  }
  return (
    <main class="login">
      <h1>Log in</h1>
      {notice && !wrong && <p class="quiet">{notice}</p>}
      <form onSubmit={(event) => void enter(event)}>
        <label class="field">
          <span>Token</span>
          <input name="token" type="password" required autofocus autocomplete="current-password" aria-describedby="token-hint" aria-invalid={wrong !== ""} />
          <small id="token-hint">On the server, <code>fleet token new NAME</code> gives one.</small>
        </label>
        <p class="wrong" role="alert">{wrong}</p>
        <p class="buttons"><button type="submit" class="main" aria-busy={isBusy}>Log in</button></p>
      </form>
    </main>
  );
}

/** Keep nothing of the session that is over. */
function forget(): void {
  live.isKnown = false;
  live.fleet = null;
  live.devices = new Map();
  live.releases = new Map();
  live.variables = [];
  live.invitations = [];
  live.rollout = null;
  live.policy = null;
  live.members = new Map();
  location.hash = "#/";
  changed();
}

askWho()
  .then((session) => { live.session = session; })
  .catch((error: Error) => {
    live.session = null;
    if (!error.message.startsWith("log in")) say(error.message, true);
  })
  .finally(() => {
    const page = document.getElementById("page")!;
    page.replaceChildren();
    render(<Page />, page);
  });
