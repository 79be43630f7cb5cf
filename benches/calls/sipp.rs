//! SIPp as a child, and its own figures.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::node::{CARRIER, ENGINE, PHONES};

/// How long calls may take to end once the last has begun.
const END_PATIENCE: Duration = Duration::from_secs(40);
/// SIPp writes a line a second, under load later.
const LINES_PATIENCE: Duration = Duration::from_secs(10);

/// What SIPp counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    /// Messages that no scenario expected: within a call, for no call, or for one that is over.
    pub(crate) unexpected: u64,
    pub(crate) retransmissions: u64,
}

impl Counts {
    pub(crate) fn since(self, before: Counts) -> Counts {
        Counts {
            created: self.created - before.created,
            successful: self.successful - before.successful,
            failed: self.failed - before.failed,
            unexpected: self.unexpected - before.unexpected,
            retransmissions: self.retransmissions - before.retransmissions,
        }
    }
}

/// A run of callers.
pub(crate) struct Callers {
    pub(crate) rate: u64,
    pub(crate) calls: u64,
    /// From the answer to the hang-up.
    pub(crate) talk: Duration,
    /// UDP port that takes their audio.
    pub(crate) sink: u16,
}

/// What callers' numbers begin with; the number of the call follows.
pub(crate) const CALLER: &str = "+4366012345";

/// A running SIPp; dropping it ends it.
pub(crate) struct Sipp {
    child: Child,
    stats: PathBuf,
}

impl Sipp {
    /// Every agent's phone.
    pub(crate) fn phones(sink: u16) -> Sipp {
        start("agent", PHONES, sink, &[])
    }

    pub(crate) fn callers(callers: &Callers) -> Sipp {
        let arguments = [
            ENGINE.to_owned(),
            "-r".to_owned(),
            callers.rate.to_string(),
            "-m".to_owned(),
            callers.calls.to_string(),
            "-l".to_owned(),
            callers.calls.to_string(),
            "-d".to_owned(),
            callers.talk.as_millis().to_string(),
        ];
        start("caller", CARRIER, callers.sink, &arguments)
    }

    /// What it has counted up to now: waits for its next two lines, of which the second began after this call.
    pub(crate) fn counts_now(&self) -> Counts {
        let lines = || fs::read_to_string(&self.stats).unwrap_or_default().lines().count();
        let (before, began) = (lines(), Instant::now());
        while lines() < before + 2 && began.elapsed() < LINES_PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.counts()
    }

    /// What it has counted up to the last second.
    pub(crate) fn counts(&self) -> Counts {
        let text = fs::read_to_string(&self.stats).unwrap_or_default();
        let mut lines = text.lines();
        let (Some(names), Some(last)) = (lines.next(), lines.next_back()) else { return Counts::default() };
        let row: BTreeMap<&str, u64> =
            names.split(';').zip(last.split(';')).filter_map(|(k, v)| Some((k, v.parse().ok()?))).collect();
        let of = |name: &str| row.get(name).copied().unwrap_or(0);
        Counts {
            created: of("TotalCallCreated"),
            successful: of("SuccessfulCall(C)"),
            failed: of("FailedCall(C)"),
            unexpected: of("FailedUnexpectedMessage(C)") + of("OutOfCallMsgs(C)") + of("DeadCallMsgs(C)"),
            retransmissions: of("Retransmissions(C)"),
        }
    }

    /// Waits for all its calls to end, but not for long after `expected`; gives what it counted.
    pub(crate) fn end(mut self, expected: Duration) -> Counts {
        let began = Instant::now();
        while self.child.try_wait().expect("a child of ours").is_none() {
            if began.elapsed() > expected + END_PATIENCE {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.counts()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.stats);
    }
}

fn start(scenario: &str, local: &str, sink: u16, arguments: &[String]) -> Sipp {
    let (ip, port) = local.split_once(':').expect("address and port");
    let stats = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{scenario}.csv"));
    let _ = fs::remove_file(&stats);
    // What SIPp did not expect, whole, for whoever wants to know why a step was not clean.
    let errors = stats.with_extension("errors");
    let file = format!("{}/benches/calls/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("sipp");
    command.args(["-sf", &file, "-i", ip, "-p", port, "-nostdin"]);
    // Without the buffer SIPp itself loses datagrams and repeats messages.
    command.args(["-buff_size", "4194304", "-trace_stat", "-fd", "1", "-stf"]).arg(&stats);
    command.args(["-trace_err", "-error_overwrite", "true", "-error_file"]).arg(errors);
    command.args(["-key", "caller", CALLER]);
    command.args(["-key", "sink", &sink.to_string(), "-recv_timeout", "60000"]).args(arguments);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Sipp { child: child.expect("sipp (scripts/tools installs it)"), stats }
}
