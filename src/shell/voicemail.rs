//! Messages that callers left: a thread of its own writes them, so that neither the engine nor the media threads wait for the disk.
//!
//! A message is two files named after its call: `CALL.wav`, 16 bit, 8 kHz, mono, and `CALL.json`, who left it, where and when. It is
//! there when the second one is; what a crash left behind is given its second file at the next start. Only the owner of the
//! folder can read them.

mod folder;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use turno_base::{CallId, LegId, TapeEnd, Wall};
use turno_engine::{Input, Mail};
use turno_media::MediaEvent;

use crate::shell::clock::wall;
use crate::shell::inbox::Inbox;

pub use folder::{Folder, Message};

/// Most pieces and orders that wait for the disk; what comes then is a hole in a message, and counted.
pub const JOBS_MAX: usize = 4096;
/// Shorter messages than so many samples that a crash left behind are nothing.
const SALVAGED_SAMPLES_MIN: u64 = 8000;
/// How often old messages are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// What an operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicemailSettings {
    /// Where.
    pub dir: PathBuf,
    /// Messages kept at once; when there are so many nobody can leave another.
    pub messages_max: u32,
    /// Bytes of all messages together; the same.
    pub bytes_max: u64,
    /// Removed when they are as old as this.
    pub keep_for: Duration,
}

enum Job {
    Mail(Mail),
    Samples(LegId, Vec<i16>),
    Stop,
}

/// Where messages are given.
#[derive(Clone, Debug)]
pub struct Voicemail {
    jobs: Sender<Job>,
    lost: Arc<AtomicU64>,
    kept: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Job::Mail(mail) => f.debug_tuple("Mail").field(mail).finish(),
            Job::Samples(leg, samples) => write!(f, "Samples({leg}, {})", samples.len()),
            Job::Stop => f.write_str("Stop"),
        }
    }
}

impl Voicemail {
    /// Opens the folder, saves what a crash left in it, and starts the thread. It ends, with everything written, at [`Voicemail::stop`].
    pub fn start(settings: VoicemailSettings, inbox: Inbox) -> io::Result<(Voicemail, std::thread::JoinHandle<()>)> {
        let folder = Folder::open(&settings.dir)?;
        folder.salvage(SALVAGED_SAMPLES_MIN, wall())?;
        let (jobs, taken) = bounded(JOBS_MAX);
        let voicemail = Voicemail { jobs, lost: Arc::default(), kept: Arc::default(), failed: Arc::default() };
        let writer = Writer {
            folder,
            settings,
            inbox,
            open: BTreeMap::new(),
            legs: BTreeMap::new(),
            kept: voicemail.kept.clone(),
            failed: voicemail.failed.clone(),
        };
        let thread = std::thread::Builder::new().name("voicemail".into()).spawn(move || writer.run(&taken))?;
        Ok((voicemail, thread))
    }

    /// An order of the engine. Waits if the disk is far behind: there are two for each message.
    pub fn order(&self, mail: Mail) {
        // The thread lives as long as anybody can give orders.
        let _ = self.jobs.send(Job::Mail(mail));
    }

    /// What a caller said; never waits.
    pub fn samples(&self, leg: LegId, samples: Vec<i16>) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(Job::Samples(leg, samples)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages kept, messages that could not be, and seconds lost because the disk was behind, so far.
    pub fn counts(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.kept), read(&self.failed), read(&self.lost))
    }

    /// Writes what is there and ends.
    pub fn stop(&self) {
        let _ = self.jobs.send(Job::Stop);
    }
}

/// A message under way.
struct Open {
    leg: LegId,
    file: Option<File>,
    samples: u64,
    least_samples: u64,
    message: Message,
}

struct Writer {
    folder: Folder,
    settings: VoicemailSettings,
    inbox: Inbox,
    open: BTreeMap<CallId, Open>,
    legs: BTreeMap<LegId, CallId>,
    kept: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        self.sweep();
        loop {
            match jobs.recv_timeout(SWEEP_EVERY) {
                Ok(Job::Mail(Mail::Open { leg, call, message })) => self.begin(leg, call, *message),
                Ok(Job::Mail(Mail::Done { call })) => self.end(call),
                Ok(Job::Samples(leg, samples)) => self.write(leg, &samples),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.sweep(),
            }
        }
        for call in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(call);
        }
    }

    fn begin(&mut self, leg: LegId, call: CallId, left: turno_call::Message) {
        let least_samples = u64::try_from(left.least.as_millis()).unwrap_or(u64::MAX).saturating_mul(8);
        let message = Message::new(call, &left, wall());
        let opened = match self.folder.room(self.settings.messages_max, self.settings.bytes_max) {
            Ok(true) => self.folder.create(&message),
            Ok(false) => {
                Err(io::Error::new(io::ErrorKind::StorageFull, "as many messages as may be kept are kept already"))
            }
            Err(error) => Err(error),
        };
        let file = match opened {
            Ok(file) => Some(file),
            Err(error) => {
                self.fail(leg, call, &error);
                None
            }
        };
        self.legs.insert(leg, call);
        self.open.insert(call, Open { leg, file, samples: 0, least_samples, message });
    }

    fn write(&mut self, leg: LegId, samples: &[i16]) {
        let Some(call) = self.legs.get(&leg).copied() else { return };
        let Some(Open { file: Some(file), samples: written, .. }) = self.open.get_mut(&call) else { return };
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        match file.write_all(&bytes) {
            Ok(()) => *written += samples.len() as u64,
            Err(error) => {
                if let Some(open) = self.open.get_mut(&call) {
                    open.file = None;
                }
                self.fail(leg, call, &error);
            }
        }
    }

    /// The caller is told, by the engine.
    fn fail(&self, leg: LegId, call: CallId, error: &io::Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%call, %error, dir = %self.settings.dir.display(), "a voicemail cannot be written; make room or raise voicemail.messages_max");
        let event = MediaEvent::Taped { ms: 0, end: TapeEnd::Failed };
        // Full: the call ends by its own limits.
        let _ = self.inbox.house_now(Input::Media { leg, event });
    }

    fn end(&mut self, call: CallId) {
        let Some(Open { leg, file, samples, least_samples, message }) = self.open.remove(&call) else { return };
        self.legs.remove(&leg);
        let Some(file) = file.filter(|_| samples >= least_samples.max(1)) else {
            self.folder.forget(call);
            return;
        };
        match self.folder.finish(file, samples, &message) {
            Ok(()) => {
                self.kept.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%call, mailbox = %message.mailbox, seconds = samples / 8000, "a voicemail was left");
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%call, %error, "a voicemail could not be finished");
                self.folder.forget(call);
            }
        }
    }

    fn sweep(&self) {
        let kept_us = i64::try_from(self.settings.keep_for.as_micros()).unwrap_or(i64::MAX);
        match self.folder.sweep(Wall(wall().0.saturating_sub(kept_us))) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "voicemails were removed because of their age"),
            Err(error) => tracing::error!(%error, "old voicemails cannot be removed"),
        }
    }
}
