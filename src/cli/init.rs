//! `turno init`: a configuration that works, and what the PBX needs to know.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rust_embed::RustEmbed;
use serde_json::json;

use crate::cli::REFUSED;
use crate::shell::config;
use crate::shell::entropy;

const STARTER: &str = include_str!("../../config/starter.toml");
/// What the snippets below stand for, as documentation addresses (RFC 5737).
const OWN_SHOWN: &str = "192.0.2.20";
const PBX_SHOWN: &str = "192.0.2.10";

/// Sounds that a first caller hears.
#[derive(RustEmbed)]
#[folder = "config/prompts"]
#[include = "music.wav"]
#[include = "es/welcome-general.wav"]
struct Sounds;

/// Which PBX stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Pbx {
    Asterisk,
    Freeswitch,
    Kamailio,
}

impl Pbx {
    /// Where it takes our calls: with FreeSWITCH the external profile, whose peers are not asked for a password.
    fn port(self) -> u16 {
        match self {
            Pbx::Asterisk | Pbx::Kamailio => 5060,
            Pbx::Freeswitch => 5080,
        }
    }

    /// Where each text goes, and the text.
    fn snippets(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Pbx::Asterisk => &[
                ("/etc/asterisk/pjsip.conf, at its end", include_str!("../../deploy/pbx/asterisk/pjsip.turno.conf")),
                (
                    "/etc/asterisk/extensions.conf, at its end",
                    include_str!("../../deploy/pbx/asterisk/extensions.turno.conf"),
                ),
            ],
            Pbx::Freeswitch => &[
                (
                    "/etc/freeswitch/sip_profiles/external/turno.xml",
                    include_str!("../../deploy/pbx/freeswitch/turno.xml"),
                ),
                (
                    "/etc/freeswitch/dialplan/public/00_turno.xml",
                    include_str!("../../deploy/pbx/freeswitch/dialplan.turno.xml"),
                ),
            ],
            Pbx::Kamailio => &[
                ("/etc/kamailio/kamailio.cfg", include_str!("../../deploy/pbx/kamailio/kamailio.turno.cfg")),
                ("/etc/kamailio/dispatcher.list", include_str!("../../deploy/pbx/kamailio/dispatcher.list")),
            ],
        }
    }
}

/// What `turno init` is told.
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The PBX beside which it stands.
    #[arg(long, value_enum)]
    pbx: Pbx,
    /// The PBX's address.
    #[arg(long, value_name = "IP")]
    pbx_ip: IpAddr,
    /// Our address; default: the one from which this machine reaches the PBX.
    #[arg(long, value_name = "IP")]
    ip: Option<IpAddr>,
    /// Our SIP port.
    #[arg(long, default_value_t = 5060)]
    port: u16,
    /// Folder for turno.toml and its sounds.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Write over a turno.toml that is there.
    #[arg(long)]
    force: bool,
}

/// Writes the configuration and says what to paste where.
pub(super) fn init(args: &InitArgs, as_json: bool) -> u8 {
    match make(args) {
        Ok(made) if as_json => {
            let snippets: Vec<_> =
                made.snippets.iter().map(|(to, text)| json!({"goes_to": to, "text": text})).collect();
            println!("{}", json!({"config": made.file, "ip": made.own, "snippets": snippets}));
            0
        }
        Ok(made) => {
            print!("{}", made.told(args));
            0
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            REFUSED
        }
    }
}

struct Made {
    file: PathBuf,
    own: IpAddr,
    snippets: Vec<(&'static str, String)>,
}

impl Made {
    fn told(&self, args: &InitArgs) -> String {
        let file = self.file.display();
        let mut told = format!(
            "{file} is written: one queue, two agents; their phones' passwords stand in it.\n\n\
             Paste on the PBX ({}):\n",
            args.pbx_ip
        );
        for (to, text) in &self.snippets {
            told.push_str(&format!("\n--- {to}\n{text}"));
        }
        told.push_str(&format!(
            "\n--- Then\nturno serve --config {file}\n\
             Register a softphone at {}:{} as 1001, dial *45 to log in, and call a queued number through the PBX.\n",
            self.own, args.port
        ));
        told
    }
}

fn make(args: &InitArgs) -> Result<Made, String> {
    let own = match args.ip {
        Some(ip) => ip,
        None => towards(args.pbx_ip)
            .map_err(|error| format!("no way to {}: {error}; say our own address with --ip", args.pbx_ip))?,
    };
    if own.is_ipv4() != args.pbx_ip.is_ipv4() {
        return Err(format!("--ip {own} and --pbx-ip {} are of different families", args.pbx_ip));
    }
    let file = args.dir.join("turno.toml");
    if file.exists() && !args.force {
        return Err(format!(
            "{} is there already; --force writes over it, --dir chooses another folder",
            file.display()
        ));
    }
    let text = starter(own, args);
    write(args, &file, &text).map_err(|error| format!("{}: {error}", args.dir.display()))?;
    // What we write must be what we accept; the file is there to be looked at if not.
    let checked = config::load(&file, None);
    if checked.settings.is_none() {
        let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
        return Err(problems.join("\n"));
    }
    let snippets = args.pbx.snippets().iter().map(|(to, text)| (*to, addressed(text, own, args))).collect();
    Ok(Made { file, own, snippets })
}

/// A snippet with the addresses of this place.
fn addressed(text: &str, own: IpAddr, args: &InitArgs) -> String {
    let ours = SocketAddr::new(own, args.port).to_string();
    text.replace(&format!("{OWN_SHOWN}:5060"), &ours)
        .replace(OWN_SHOWN, &own.to_string())
        .replace(PBX_SHOWN, &args.pbx_ip.to_string())
}

fn starter(own: IpAddr, args: &InitArgs) -> String {
    // In an address with a port, IPv6 stands in brackets.
    let bracketed = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    let bits = if own.is_ipv6() { "128" } else { "32" };
    STARTER
        .replace("domains = [\"{own}\"]", &format!("domains = [\"{own}\"]"))
        .replace("networks = [\"{pbx}/{bits}\"]", &format!("networks = [\"{}/{bits}\"]", args.pbx_ip))
        .replace("{own}", &bracketed(own))
        .replace("{pbx}", &bracketed(args.pbx_ip))
        .replace("{port}", &args.port.to_string())
        .replace("{pbx_port}", &args.pbx.port().to_string())
        .replace("{password_1}", &password())
        .replace("{password_2}", &password())
}

/// 96 bits in hexadecimal.
fn password() -> String {
    format!("{:016x}{:08x}", entropy::draw(), entropy::draw() >> 32)
}

/// The address from which this machine reaches `peer`. Nothing is sent.
fn towards(peer: IpAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if peer.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" }.parse().map_err(io::Error::other)?;
    let socket = UdpSocket::bind(any)?;
    socket.connect((peer, 5060))?;
    Ok(socket.local_addr()?.ip())
}

/// The sounds first, then the configuration under its own name in one step: a full disk leaves no half of it.
fn write(args: &InitArgs, file: &Path, text: &str) -> io::Result<()> {
    for name in Sounds::iter() {
        let to = args.dir.join("prompts").join(name.as_ref());
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let sound =
            Sounds::get(&name).ok_or_else(|| io::Error::other("a sound that ships with the program is missing"))?;
        fs::write(to, sound.data)?;
    }
    let beside = file.with_extension("toml.new");
    let _ = fs::remove_file(&beside);
    // It holds passwords.
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(beside, file)
}
