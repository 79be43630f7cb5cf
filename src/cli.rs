//! The command line: what it takes, and what it answers with.
//!
//! Exit codes: 0 done; 1 refused, problems found or a replay differs; 2 wrong usage; 3 not found; 4 the engine cannot be reached.

mod access;
mod agents;
mod ask;
mod audit;
mod audited;
mod backup;
mod callbacks;
mod calls;
mod customers;
mod doctor;
#[cfg(test)]
mod documents;
mod init;
mod journal;
mod live;
mod pipes;
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

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use turno_base::{Name, QueueId};
use turno_engine::Command as Ask;

use crate::api::control::Request;

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
    Agent(agents::AgentCommand),
    /// Callbacks: callers who hung up and will be called back.
    #[command(subcommand)]
    Callback(callbacks::CallbackCommand),
    /// Tasks: work without a caller on the line.
    #[command(subcommand)]
    Task(tasks::TaskCommand),
    /// Live calls; or place one: `turno call --to averias`.
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Call {
        #[command(subcommand)]
        command: Option<calls::CallCommand>,
        #[command(flatten)]
        place: calls::Place,
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
        /// Begin at this second of the plot, which repeats every 240: the storm begins at 80.
        #[arg(long, default_value_t = 0, value_name = "SECOND", value_parser = clap::value_parser!(u64).range(..86_400))]
        at: u64,
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
    /// Compare the figures of a day with the stays and records behind them; or list who did what.
    Audit(audit::Auditing),
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
    /// Price books that the store holds: imported while calls run, each import a revision.
    #[command(subcommand)]
    Deck(live::DeckCommand),
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
    pipes::leave_with_the_reader();
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
    if let Command::Audit(args) = command {
        return args.is_list();
    }
    matches!(
        command,
        Command::Queue(QueueCommand::Show { .. })
            | Command::Agent(agents::AgentCommand::Show { .. } | agents::AgentCommand::Explain { .. })
            | Command::Callback(callbacks::CallbackCommand::Show { .. })
            | Command::Task(tasks::TaskCommand::List { .. })
            | Command::Call {
                command: Some(
                    calls::CallCommand::Show { .. } | calls::CallCommand::Explain { .. } | calls::CallCommand::Trace(_)
                ),
                ..
            }
            | Command::Deck(live::DeckCommand::List | live::DeckCommand::Show { .. })
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
        Command::Agent(command) => agents::agent(&cli.socket, cli.json, command),
        Command::Task(command) => ask::command(&cli.socket, cli.json, tasks::command(command)),
        Command::Callback(command) => ask::command(&cli.socket, cli.json, callbacks::command(command)),
        Command::Call { command: Some(command), .. } => calls::call(&cli.socket, cli.json, command),
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
        Command::Demo { dir, sip_port, http_port, per_minute, seed, seconds, at } => {
            let runs_for = seconds.map(std::time::Duration::from_secs);
            play::demo(&crate::demo::DemoOptions { dir, sip_port, http_port, per_minute, seed, runs_for, begins_s: at })
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
        Command::Audit(args) => audit::audit(&cli.socket, cli.json, args),
        Command::Lint(args) => report::lint_config(&args, cli.json),
        Command::Export(args) => live::export(&cli.socket, cli.json, &args),
        Command::Apply(args) => live::apply(&cli.socket, cli.json, args),
        Command::Config(command) => live::config(&cli.socket, cli.json, command),
        Command::Deck(command) => live::deck(&cli.socket, cli.json, command),
        Command::Skill(command) => live::object(&cli.socket, cli.json, "skill", command),
        Command::Schema => serve::schema(),
        Command::Backup(args) => backup::backup(&args, cli.json),
        Command::Restore(args) => backup::restore(&args, cli.json),
        Command::Token(command) => access::run(command, cli.json),
        Command::Reload => ask::request(&cli.socket, cli.json, &Request::Reload),
        Command::Drain => ask::request(&cli.socket, cli.json, &Request::Drain),
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
