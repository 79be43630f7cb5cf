//! The command line: what it takes, and what it answers with.
//!
//! Exit codes: 0 done; 1 refused, problems found or a replay differs; 2 wrong usage; 3 not found; 4 the engine cannot be reached.

mod access;
mod ask;
mod backup;
mod customers;
mod doctor;
mod init;
mod journal;
mod live;
mod play;
mod rate;
mod records;
#[cfg(test)]
mod reference;
mod report;
mod serve;
mod shells;
mod sim;
mod staff;
mod table;
mod tasks;
mod tools;
mod trace;
mod trunk;
mod voicemail;
mod watch;
mod whatif;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use turno_acd::SkillChange;
use turno_base::{AgentId, CallId, E164, Name, QueueId, SkillId, StationId, Wall};
use turno_engine::Command as Ask;

use crate::api::control::Request;
use crate::shell::instant::wall_of;

/// Where the engine's control socket is if nothing says otherwise.
const SOCKET_DEFAULT: &str = "turno-data/turno.sock";

/// Where call records are if nothing says otherwise.
const RECORDS_DEFAULT: &str = "turno-data/records";

/// Where the journal is if nothing says otherwise.
const JOURNAL_DEFAULT: &str = "turno-data/journal";

/// Where messages are if nothing says otherwise.
const VOICEMAIL_DEFAULT: &str = "turno-data/voicemail";

/// Exit code when a command is refused, a file has problems or a replay differs.
pub const REFUSED: u8 = 1;
/// Exit code when the command line makes no sense.
pub const WRONG_USAGE: u8 = 2;
/// Exit code when what was named does not exist.
pub const NOT_FOUND: u8 = 3;
/// Exit code when the engine cannot be reached.
pub const UNREACHABLE: u8 = 4;

/// Call routing and ACD engine for SIP trunks.
///
/// Exit codes: 0 done; 1 refused, problems found or a replay differs; 2 wrong usage; 3 not found; 4 the engine cannot be reached.
#[derive(Debug, Parser)]
#[command(name = "turno", version, arg_required_else_help = true)]
struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    /// Control socket of the engine.
    #[arg(long, global = true, value_name = "PATH", env = "TURNO_SOCKET", default_value = SOCKET_DEFAULT)]
    socket: PathBuf,
    /// Ask again every second until interrupted; for what only shows.
    #[arg(long, global = true)]
    watch: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the engine.
    Serve {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration file and print every problem.
    Check {
        /// Configuration file.
        file: PathBuf,
    },
    /// Write a first configuration and say what to paste on the PBX.
    Init(init::InitArgs),
    /// Look at this machine and this configuration for what would keep calls from going through.
    Doctor {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print the completions of a shell: `turno completions bash >/etc/bash_completion.d/turno`.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder.
    Man {
        /// Folder.
        dir: PathBuf,
    },
    /// Run a journal again, print its transcript and prove that its effects are the same.
    Replay {
        /// Journal folder or one segment of it.
        journal: PathBuf,
        /// Print numbers whole.
        #[arg(long)]
        full: bool,
        /// Print only the result.
        #[arg(long)]
        quiet: bool,
    },
    /// Work with journals.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Queues and who waits.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Agents.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Callbacks: callers who hung up and will be called back.
    #[command(subcommand)]
    Callback(CallbackCommand),
    /// Tasks: work without a caller on the line.
    #[command(subcommand)]
    Task(tasks::TaskCommand),
    /// Live calls; or place one: `turno call --to averias`.
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Call {
        #[command(subcommand)]
        command: Option<CallCommand>,
        #[command(flatten)]
        place: Place,
    },
    /// Registrations and trunks.
    #[command(subcommand)]
    Reg(RegCommand),
    /// SIP as it passes.
    #[command(subcommand)]
    Sip(tools::SipCommand),
    /// What is logged.
    #[command(subcommand)]
    Log(tools::LogCommand),
    /// The dial plan.
    #[command(subcommand)]
    Route(tools::RouteCommand),
    /// Trunks: how they stand, and whether they answer.
    #[command(subcommand)]
    Trunk(trunk::TrunkCommand),
    /// Run a demo call centre on loopback: engine, simulated agents and callers, wallboard.
    Demo {
        /// Folder for everything that is written.
        #[arg(long, default_value = "demo-data")]
        dir: PathBuf,
        /// SIP port on 127.0.0.1.
        #[arg(long, default_value_t = 5060)]
        sip_port: u16,
        /// HTTP port on 127.0.0.1.
        #[arg(long, default_value_t = 8080)]
        http_port: u16,
        /// Calls a minute.
        #[arg(long, default_value_t = 30)]
        per_minute: u64,
        /// Names the play: the same seed, the same calls.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// End by itself after so many seconds.
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// Call records.
    Cdr {
        /// Folder of the records.
        #[arg(long, global = true, value_name = "DIR", env = "TURNO_RECORDS", default_value = RECORDS_DEFAULT)]
        records: PathBuf,
        #[command(subcommand)]
        command: records::CdrCommand,
    },
    /// Customers: import, search, show.
    Customers {
        /// Folder of the records, where the customers are as well.
        #[arg(long, global = true, value_name = "DIR", env = "TURNO_RECORDS", default_value = RECORDS_DEFAULT)]
        records: PathBuf,
        #[command(subcommand)]
        command: customers::CustomersCommand,
    },
    /// Messages that callers left.
    Voicemail {
        /// Folder of the messages.
        #[arg(long, global = true, value_name = "DIR", env = "TURNO_VOICEMAIL", default_value = VOICEMAIL_DEFAULT)]
        voicemail: PathBuf,
        #[command(subcommand)]
        command: voicemail::VoicemailCommand,
    },
    /// Price a call by a price book, or cases from standard input.
    Rate(rate::RateArgs),
    /// Figures: service levels, agents, law, dispositions, repeat callers, cost; as table, CSV, JSON, XLSX or picture.
    Report(report::ReportArgs),
    /// Compare the figures of a day with the stays and records behind them.
    Audit(report::AuditArgs),
    /// What a configuration allows and nobody can have meant.
    Lint(report::LintArgs),
    /// Play days of a call centre in virtual time, under this ACD and under the rules of others.
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Sim {
        #[command(subcommand)]
        command: Option<sim::SimCommand>,
        #[command(flatten)]
        args: sim::SimArgs,
    },
    /// A day of a journal under other policies, beside what really happened.
    #[command(name = "whatif")]
    WhatIf(whatif::WhatIfArgs),
    /// How many agents, and when.
    #[command(subcommand)]
    Staff(staff::StaffCommand),
    /// Opening hours.
    #[command(subcommand)]
    Calendar(CalendarCommand),
    /// The emergency switch: everybody goes where `on_emergency` says, until it is off again.
    Emergency {
        /// On or off.
        state: Switch,
        /// Only this queue; without, all queues.
        queue: Option<QueueId>,
    },
    /// Write the live configuration as TOML: queues, agents, skills, everything that changes while calls run.
    Export(live::ExportArgs),
    /// Take a file for the live configuration, whole or not at all.
    Apply(live::ApplyArgs),
    /// Changes of the live configuration: the log of them, undo, and objects of any kind.
    #[command(subcommand)]
    Config(live::ConfigCommand),
    /// Skills, as the live configuration names them.
    #[command(subcommand)]
    Skill(live::ObjectCommand),
    /// Print the JSON Schema of configuration files, for editors.
    Schema,
    /// Copy everything that a node keeps, and its configuration, into a new folder, while calls run.
    Backup(backup::BackupArgs),
    /// Put a backup where its configuration and data were, or elsewhere.
    Restore(backup::RestoreArgs),
    /// Tokens and passwords of the HTTP interface.
    #[command(subcommand)]
    Token(access::TokenCommand),
    /// Read the configuration again.
    Reload,
    /// Take no new calls.
    Drain,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Copy a journal with every number and password replaced.
    Export {
        /// Journal folder or one segment of it.
        from: PathBuf,
        /// New folder.
        to: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// All queues, or one.
    Show {
        /// Queue.
        queue: Option<QueueId>,
    },
    #[command(flatten)]
    Object(live::ObjectCommand),
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// All agents, or one.
    Show {
        /// Agent.
        agent: Option<AgentId>,
    },
    /// Why an agent gets what he gets, or nothing.
    Explain {
        /// Agent.
        agent: AgentId,
    },
    /// Sit down.
    Login {
        /// Agent.
        agent: AgentId,
        /// Station; his own if absent.
        station: Option<StationId>,
    },
    /// End the shift; during a call after it.
    Logout {
        /// Agent.
        agent: AgentId,
    },
    /// Not ready; during a call after it.
    Pause {
        /// Agent.
        agent: AgentId,
        /// A configured reason.
        reason: Name,
    },
    /// Ready; ends wrap-up and pause.
    Ready {
        /// Agent.
        agent: AgentId,
    },
    /// The work after the call is saved; ends a wrap-up, unless its length is fixed.
    Saved {
        /// Agent.
        agent: AgentId,
    },
    /// A longer wrap-up, as often as acd.wrap_up_extensions allows.
    Extend {
        /// Agent.
        agent: AgentId,
    },
    /// What came of the agent's present or last call.
    Disposition {
        /// Agent.
        agent: AgentId,
        /// A configured disposition.
        disposition: Name,
    },
    /// Change what an agent knows, at once and over restarts, or have it as configured again.
    Skill {
        /// Agent.
        agent: AgentId,
        #[command(subcommand)]
        change: SkillCommand,
    },
    #[command(flatten)]
    Object(live::ObjectCommand),
}

#[derive(Debug, Subcommand)]
enum SkillCommand {
    /// He has it at this level.
    Set {
        /// A skill that the configuration names.
        skill: SkillId,
        /// 1 to 10.
        level: u8,
        /// As configured again from then on, for example 2026-03-10T18:00:00Z.
        #[arg(long, value_parser = wall_of)]
        until: Option<Wall>,
    },
    /// He does not have it.
    Unset {
        /// A skill that the configuration names.
        skill: SkillId,
        /// As configured again from then on.
        #[arg(long, value_parser = wall_of)]
        until: Option<Wall>,
    },
    /// As configured.
    Reset {
        /// A skill that the configuration names.
        skill: SkillId,
    },
}

#[derive(Debug, Subcommand)]
enum CallbackCommand {
    /// All callbacks, or that of a number.
    Show {
        /// Number with its country code, for example +34612045118.
        number: Option<E164>,
    },
    /// Have somebody called back. A number that has a callback keeps its place.
    Add {
        /// Number with its country code.
        number: E164,
        /// For this queue.
        #[arg(long)]
        queue: QueueId,
        /// Not before then, for example 2026-03-10T11:00:00Z; absent: as soon as it is his turn.
        #[arg(long, value_parser = wall_of)]
        at: Option<Wall>,
    },
    /// Have somebody not called back.
    Cancel {
        /// Number with its country code.
        number: E164,
    },
    /// Have somebody called back at another time.
    Appoint {
        /// Number with its country code.
        number: E164,
        /// When, for example 2026-03-10T11:00:00Z.
        #[arg(value_parser = wall_of)]
        at: Wall,
    },
}

#[derive(Debug, Subcommand)]
enum CallCommand {
    /// Why a call waits, or was offered to whom it was.
    Explain {
        /// Call.
        call: CallId,
    },
    /// All live calls, or one.
    Show {
        /// Call.
        call: Option<CallId>,
    },
    /// The whole story of a call, live or ended, from journal and records: SIP by leg, decisions with reasons, media.
    Trace(trace::TraceArgs),
    /// End a call.
    Hangup {
        /// Call.
        call: CallId,
    },
    /// Make a waiting call count as older than it is.
    Bump {
        /// Call.
        call: CallId,
        /// So many seconds.
        #[arg(long, default_value_t = 600)]
        by_s: u32,
    },
    /// Move a waiting call to another queue; its age stays.
    Move {
        /// Call.
        call: CallId,
        /// Queue.
        queue: QueueId,
    },
    /// Connect a station with a number: the station rings first.
    Place {
        /// Station.
        station: StationId,
        /// What it would have dialled.
        number: String,
    },
    /// Put a conversation into a slot, with music; whoever had it is free.
    Park {
        /// Call.
        call: CallId,
        /// Which; the first that is free if absent.
        #[arg(long)]
        slot: Option<u32>,
    },
    /// Take a waiting or parked call: the agent's phone rings for it.
    Pull {
        /// Call.
        call: CallId,
        /// Agent.
        agent: AgentId,
    },
    /// Change what a waiting call needs beyond what its queue needs; `anyone` for nothing.
    Needs {
        /// Call.
        call: CallId,
        /// Such as `averias>=2 and catalan`.
        #[arg(value_parser = turno_acd::need::parse)]
        need: turno_base::Need,
    },
}

/// A call to place by the demo's carrier.
#[derive(Debug, clap::Args)]
struct Place {
    /// A queue of the demo, or a number.
    #[arg(long)]
    to: Option<String>,
    /// Number to show.
    #[arg(long, default_value = "+34612045118")]
    from: String,
    /// SIP address of the engine.
    #[arg(long, default_value = "127.0.0.1:5060")]
    engine: std::net::SocketAddr,
    /// Hang up after so many seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
enum CalendarCommand {
    /// All calendars, or one: open now or not, and when that changes.
    Show {
        /// Calendar.
        calendar: Option<Name>,
    },
    /// Whether a calendar is open at an instant, and when that changes.
    Check {
        /// Calendar.
        calendar: Name,
        /// Such as 2026-12-24T09:30:00+01:00.
        at: jiff::Timestamp,
    },
}

#[derive(Debug, Subcommand)]
enum RegCommand {
    /// All registrations and trunks.
    Show,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match (cli.watch, is_shown(&cli.command)) {
        (false, _) => run(cli),
        (true, true) => watch::watch(|| run(Cli::parse())),
        (true, false) => {
            eprintln!("--watch is for commands that only show something, such as turno queue show");
            WRONG_USAGE
        }
    };
    ExitCode::from(code)
}

/// Whether it only shows what an engine or its records say now.
fn is_shown(command: &Command) -> bool {
    matches!(
        command,
        Command::Queue(QueueCommand::Show { .. })
            | Command::Agent(AgentCommand::Show { .. } | AgentCommand::Explain { .. })
            | Command::Callback(CallbackCommand::Show { .. })
            | Command::Task(tasks::TaskCommand::List { .. })
            | Command::Call {
                command: Some(CallCommand::Show { .. } | CallCommand::Explain { .. } | CallCommand::Trace(_)),
                ..
            }
            | Command::Calendar(CalendarCommand::Show { .. })
            | Command::Reg(RegCommand::Show)
            | Command::Trunk(_)
            | Command::Sip(tools::SipCommand::Trace(tools::TraceCommand::Show))
            | Command::Cdr { command: records::CdrCommand::List { .. }, .. }
    )
}

fn run(cli: Cli) -> u8 {
    match cli.command {
        Command::Serve { config } => serve::serve(&config),
        Command::Check { file } => serve::check(&file, cli.json),
        Command::Init(args) => init::init(&args, cli.json),
        Command::Doctor { config } => doctor::doctor(&config, cli.json),
        Command::Completions { shell } => shells::completions(shell),
        Command::Man { dir } => shells::man(&dir),
        Command::Replay { journal, full, quiet } => journal::replay(&journal, full, quiet, cli.json),
        Command::Journal(JournalCommand::Export { from, to }) => journal::export(&from, &to, cli.json),
        Command::Queue(QueueCommand::Show { queue }) => ask::command(&cli.socket, cli.json, Ask::QueueShow(queue)),
        Command::Queue(QueueCommand::Object(command)) => live::object(&cli.socket, cli.json, "queue", command),
        Command::Agent(command) => agent(&cli.socket, cli.json, command),
        Command::Task(command) => ask::command(&cli.socket, cli.json, tasks::command(command)),
        Command::Callback(command) => ask::command(&cli.socket, cli.json, callback(command)),
        Command::Call { command: Some(CallCommand::Show { call }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallShow(call))
        }
        Command::Call { command: Some(CallCommand::Trace(args)), .. } => trace::trace(&args, cli.json),
        Command::Call { command: Some(CallCommand::Hangup { call }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallHangUp(call))
        }
        Command::Call { command: Some(CallCommand::Explain { call }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallExplain(call))
        }
        Command::Call { command: Some(CallCommand::Bump { call, by_s }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallBump(call, by_s))
        }
        Command::Call { command: Some(CallCommand::Move { call, queue }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallMove(call, queue))
        }
        Command::Call { command: Some(CallCommand::Needs { call, need }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallNeeds(call, need))
        }
        Command::Call { command: Some(CallCommand::Place { station, number }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallPlace(station, number))
        }
        Command::Call { command: Some(CallCommand::Park { call, slot }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallPark(call, slot))
        }
        Command::Call { command: Some(CallCommand::Pull { call, agent }), .. } => {
            ask::command(&cli.socket, cli.json, Ask::CallPull(call, agent))
        }
        Command::Emergency { state, queue } => {
            ask::command(&cli.socket, cli.json, Ask::Emergency(queue, state == Switch::On))
        }
        Command::Calendar(CalendarCommand::Show { calendar }) => {
            ask::command(&cli.socket, cli.json, Ask::CalendarShow(calendar, None))
        }
        Command::Calendar(CalendarCommand::Check { calendar, at }) => {
            let at = turno_base::Wall(at.as_microsecond());
            ask::command(&cli.socket, cli.json, Ask::CalendarShow(Some(calendar), Some(at)))
        }
        Command::Call { command: None, place } => play::call(place),
        Command::Demo { dir, sip_port, http_port, per_minute, seed, seconds } => {
            let runs_for = seconds.map(std::time::Duration::from_secs);
            play::demo(&crate::demo::DemoOptions { dir, sip_port, http_port, per_minute, seed, runs_for })
        }
        Command::Reg(RegCommand::Show) => ask::command(&cli.socket, cli.json, Ask::RegShow),
        Command::Sip(command) => tools::sip(&cli.socket, cli.json, command),
        Command::Route(command) => tools::route(&cli.socket, cli.json, command),
        Command::Log(command) => tools::log(&cli.socket, cli.json, command),
        Command::Trunk(command) => trunk::trunk(&cli.socket, cli.json, &command),
        Command::Cdr { records, command } => records::cdr(&records, cli.json, &command),
        Command::Sim { command, args } => sim::sim(command.as_ref(), &args, cli.json),
        Command::WhatIf(args) => whatif::whatif(&args, cli.json),
        Command::Staff(command) => staff::staff(&command, cli.json),
        Command::Customers { records, command } => customers::customers(&records, cli.json, &command),
        Command::Voicemail { voicemail, command } => voicemail::voicemail(&voicemail, cli.json, &command),
        Command::Rate(args) => rate::rate(&args, cli.json),
        Command::Report(args) => report::report(&args, cli.json),
        Command::Audit(args) => report::audit(&args, cli.json),
        Command::Lint(args) => report::lint_config(&args, cli.json),
        Command::Export(args) => live::export(&cli.socket, cli.json, &args),
        Command::Apply(args) => live::apply(&cli.socket, cli.json, args),
        Command::Config(command) => live::config(&cli.socket, cli.json, command),
        Command::Skill(command) => live::object(&cli.socket, cli.json, "skill", command),
        Command::Schema => serve::schema(),
        Command::Backup(args) => backup::backup(&args, cli.json),
        Command::Restore(args) => backup::restore(&args, cli.json),
        Command::Token(command) => access::run(command, cli.json),
        Command::Reload => ask::request(&cli.socket, cli.json, &Request::Reload),
        Command::Drain => ask::request(&cli.socket, cli.json, &Request::Drain),
    }
}

fn agent(socket: &Path, as_json: bool, command: AgentCommand) -> u8 {
    let command = match command {
        AgentCommand::Object(command) => return live::object(socket, as_json, "agent", command),
        AgentCommand::Show { agent } => Ask::AgentShow(agent),
        AgentCommand::Explain { agent } => Ask::AgentExplain(agent),
        AgentCommand::Login { agent, station } => Ask::AgentLogin(agent, station),
        AgentCommand::Logout { agent } => Ask::AgentLogout(agent),
        AgentCommand::Pause { agent, reason } => Ask::AgentPause(agent, reason),
        AgentCommand::Ready { agent } => Ask::AgentReady(agent),
        AgentCommand::Saved { agent } => Ask::AgentSaved(agent),
        AgentCommand::Extend { agent } => Ask::AgentExtend(agent),
        AgentCommand::Disposition { agent, disposition } => Ask::AgentDisposition(agent, disposition),
        AgentCommand::Skill { agent, change } => {
            let (skill, change) = match change {
                SkillCommand::Set { skill, level, until } => (skill, SkillChange::Set { level, until }),
                SkillCommand::Unset { skill, until } => (skill, SkillChange::Unset { until }),
                SkillCommand::Reset { skill } => (skill, SkillChange::AsConfigured),
            };
            Ask::AgentSkill(agent, skill, change)
        }
    };
    ask::command(socket, as_json, command)
}

fn callback(command: CallbackCommand) -> Ask {
    match command {
        CallbackCommand::Show { number } => Ask::CallbackShow(number),
        CallbackCommand::Add { number, queue, at } => Ask::CallbackAdd { number, queue, at },
        CallbackCommand::Cancel { number } => Ask::CallbackCancel(number),
        CallbackCommand::Appoint { number, at } => Ask::CallbackAppoint { number, at },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
