//! `turno demo` and `turno call`: simulated agents and callers with real SIP and RTP on loopback.

mod caller;
pub mod cast;
pub mod party;
pub mod plot;
pub mod stage;

pub use caller::{CallOptions, call};

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rust_embed::RustEmbed;
use turno_base::{AgentId, StationId};
use turno_engine::Command;
use turno_media::g711;
use turno_sip::flow::Transport;

use crate::node::{self, Node, StartError};
use crate::shell::config::{self, Checked, Problem, Settings};
use crate::shell::lock::{LOCK, LockError, lock};
use crate::shell::logs;
use cast::FREE;
use party::Voice;
use plot::Known;
use stage::Scene;

/// The demo's configuration, sounds, customers and prices.
#[derive(RustEmbed)]
#[folder = "config"]
#[exclude = "*.sh"]
struct Files;

/// What the command line may change.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Folder for everything that is written.
    pub dir: PathBuf,
    /// SIP port on 127.0.0.1.
    pub sip_port: u16,
    /// HTTP port on 127.0.0.1.
    pub http_port: u16,
    /// Calls a minute.
    pub per_minute: u64,
    /// Names the play.
    pub seed: u64,
    /// Ends by itself after this long.
    pub runs_for: Option<Duration>,
    /// Second of the plot at which it begins.
    pub begins_s: u64,
}

/// Why the demo does not run; one sentence for a person.
#[derive(Debug)]
pub enum DemoError {
    /// Files under the demo's folder.
    Files(PathBuf, io::Error),
    /// Another demo plays in this folder.
    InUse(PathBuf),
    /// The built-in configuration does not fit this build.
    Config(Vec<Problem>),
    /// The engine does not start.
    Start(StartError),
    /// The simulated parties broke.
    Stage(io::Error),
}

impl std::fmt::Display for DemoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DemoError::Files(path, error) => {
                write!(f, "{}: {error}; choose another folder with --dir", path.display())
            }
            DemoError::Config(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            DemoError::InUse(dir) => {
                write!(f, "another demo runs in {}; end it, or choose another folder with --dir", dir.display())
            }
            DemoError::Start(StartError::Listen(open)) => {
                write!(f, "SIP {}: {}; choose another port with --sip-port", open.listener.local, open.error)
            }
            DemoError::Start(StartError::Http { address, error }) => {
                write!(f, "HTTP {address}: {error}; choose another port with --http-port")
            }
            DemoError::Start(error) => error.fmt(f),
            DemoError::Stage(error) => write!(f, "the simulated phones: {error}"),
        }
    }
}

impl std::error::Error for DemoError {}

/// Runs the demo until interrupted.
pub fn run(options: &DemoOptions) -> Result<(), DemoError> {
    // Each play begins with an empty house: the simulated agents log in by a code that would log them out again.
    forget(&options.dir.join("data"))?;
    let files = options.dir.join("config");
    unpack(&files).map_err(|error| DemoError::Files(files.clone(), error))?;
    let settings = settings(&files.join("demo.toml"), options)?;
    let known = known(&settings);
    logs::start(settings.log.format, &settings.log.level);
    logs::log_panics();
    let node = node::start(settings, Some(files.join("demo.toml"))).map_err(DemoError::Start)?;
    node.take_signals(Duration::from_secs(1)).map_err(DemoError::Start)?;
    let engine = SocketAddr::from((Ipv4Addr::LOCALHOST, options.sip_port));
    greet(&node, options);
    seat_the_free_agent(&node);
    let stage = {
        // Whoever ends the engine ends the play in the same instant: nobody waits for the one after the other.
        let (gate, scene) = (node.gate.clone(), scene(&files, engine, known, options));
        std::thread::Builder::new()
            .name("stage".into())
            .spawn(move || stage::play(&scene, || gate.is_stopped(), |line| println!("  {line}")))
            .map_err(DemoError::Stage)?
    };
    if let Some(limit) = options.runs_for {
        let gate = node.gate.clone();
        node.runtime().spawn(async move {
            tokio::time::sleep(limit).await;
            gate.stop();
        });
    }
    node.wait();
    match stage.join() {
        Ok(played) => played.map_err(DemoError::Stage),
        Err(_) => Err(DemoError::Stage(io::Error::other("their thread ended by a fault; see the log above"))),
    }
}

/// Removes what the last play left, unless somebody still plays there.
fn forget(data: &Path) -> Result<(), DemoError> {
    let files = |error| DemoError::Files(data.to_owned(), error);
    let _held = match lock(data) {
        Ok(lock) => lock,
        Err(LockError::InUse) => return Err(DemoError::InUse(data.to_owned())),
        Err(LockError::Io(error)) => return Err(files(error)),
    };
    for entry in fs::read_dir(data).map_err(files)? {
        let path = entry.map_err(files)?.path();
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            // Removing it would let a second process lock another file of the same name.
            false if path.ends_with(LOCK) => Ok(()),
            false => fs::remove_file(&path),
        };
        removed.map_err(files)?;
    }
    Ok(())
}

fn unpack(into: &Path) -> io::Result<()> {
    for name in Files::iter() {
        let Some(file) = Files::get(&name) else { continue };
        let path = into.join(name.as_ref());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, file.data)?;
    }
    Ok(())
}

fn settings(file: &Path, options: &DemoOptions) -> Result<Settings, DemoError> {
    let Checked { settings, problems } = config::load(file, None);
    let Some(mut settings) = settings else { return Err(DemoError::Config(problems)) };
    for listener in &mut settings.engine.sip.listeners {
        listener.local.set_port(options.sip_port);
    }
    if let Some(listen) = &mut settings.http.listen {
        listen.set_port(options.http_port);
    }
    Ok(settings)
}

fn known(settings: &Settings) -> Vec<Known> {
    let customers = settings.portfolio.iter();
    customers
        .filter_map(|customer| {
            let number = customer.numbers.first()?.to_string();
            let platinum = customer.segment.is_some_and(|segment| segment.as_str() == "platinum");
            Some(Known { number, name: customer.name, platinum })
        })
        .collect()
}

fn scene(files: &Path, engine: SocketAddr, known: Vec<Known>, options: &DemoOptions) -> Scene {
    Scene {
        engine,
        per_minute: options.per_minute,
        begins_ms: options.begins_s.saturating_mul(1000),
        known,
        seed: options.seed,
        caller_voice: Voice::Tone(440),
        agent_voice: spoken(&files.join("prompts/es/welcome-general.wav")),
    }
}

/// A sound file as a voice; without it a tone will do.
fn spoken(file: &Path) -> Voice {
    let Ok(mut wav) = hound::WavReader::open(file) else { return Voice::Tone(880) };
    let samples: Vec<u8> = wav.samples::<i16>().filter_map(Result::ok).map(g711::a_encode).collect();
    Voice::Samples(samples.into())
}

fn seat_the_free_agent(node: &Node) {
    let (Ok(station), asker) = (StationId::new(FREE), node.asker.clone()) else { return };
    node.runtime().spawn(async move {
        // Whoever sits there is offered nothing before the phone registers.
        if let Ok(agent) = AgentId::new("sara.benali") {
            let _ = asker.ask(Command::AgentLogin(agent, Some(station))).await;
        }
    });
}

fn greet(node: &Node, options: &DemoOptions) {
    let sip: Vec<String> = node
        .listeners
        .iter()
        .map(|l| format!("{} ({})", l.local, if l.transport == Transport::Udp { "UDP" } else { "TCP" }))
        .collect();
    println!(
        "Turno demo: five queues, 24 agents, about {} calls a minute, everything on this machine",
        options.per_minute
    );
    if let Some(http) = node.http {
        println!("  wallboard  http://{http}/wall/");
        println!("  metrics    http://{http}/metrics");
    }
    println!("  SIP        {}", sip.join(", "));
    println!("  your seat  register a softphone as {FREE}, password {}, and answer", cast::PASSWORD);
    println!("  call       turno call --to averias --engine 127.0.0.1:{}", options.sip_port);
    println!("  ask        turno --socket {} queue show", options.dir.join("data/turno.sock").display());
    println!("  records    turno cdr --records {} list", options.dir.join("data/records").display());
    println!("Ctrl-C ends it; what it wrote is under {}", options.dir.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_demo_in_the_same_folder_says_so_and_touches_nothing() {
        let dir = std::env::temp_dir().join(format!("turno-demo-{:x}", crate::shell::entropy::draw()));
        let data = dir.join("data");
        let first = lock(&data).unwrap();
        fs::create_dir_all(data.join("records")).unwrap();
        fs::write(data.join("records/kept"), b"of the first").unwrap();
        let options = DemoOptions {
            dir: dir.clone(),
            sip_port: 0,
            http_port: 0,
            per_minute: 30,
            seed: 1,
            runs_for: Some(Duration::ZERO),
            begins_s: 0,
        };
        let said = run(&options).unwrap_err().to_string();
        assert!(
            said.starts_with("another demo runs in ") && said.ends_with("choose another folder with --dir"),
            "{said}"
        );
        assert!(data.join("records/kept").exists() && !dir.join("config").exists());

        drop(first);
        forget(&data).unwrap();
        assert!(!data.join("records").exists());
        fs::remove_dir_all(dir).unwrap();
    }
}
