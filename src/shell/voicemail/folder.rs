//! The folder of messages: beside a running engine anybody of the house may read it, and say that a message is done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use turno_base::{CallId, Name, QueueId, Wall};

/// Samples a second.
const RATE_HZ: u32 = 8000;
/// Bytes before the first sample.
const HEADER_BYTES: u64 = 44;

/// A message. Its id is that of the call that left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Id, and the call.
    pub call: CallId,
    /// Where it was left.
    pub mailbox: Name,
    /// Calling number as received; empty if withheld.
    pub from: String,
    /// The same, canonical.
    pub e164: Option<String>,
    /// Customer's external id.
    pub customer: Option<String>,
    /// The queue that the caller came from.
    pub queue: Option<QueueId>,
    /// When it began, RFC 3339, UTC.
    pub at: String,
    /// The same, µs since 1970.
    pub at_us: i64,
    /// Length, ms.
    pub ms: u64,
    /// Somebody has dealt with it.
    pub done: bool,
}

impl Message {
    pub(super) fn new(call: CallId, left: &turno_call::Message, at: Wall) -> Message {
        Message {
            call,
            mailbox: left.mailbox,
            from: if left.from.withheld { String::new() } else { left.from.raw.clone() },
            e164: left.from.e164.filter(|_| !left.from.withheld).map(|number| number.to_string()),
            customer: left.customer.clone(),
            queue: left.queue,
            at: at.to_string(),
            at_us: at.0,
            ms: 0,
            done: false,
        }
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Makes it if it is not there; its owner's alone.
    pub fn open(dir: &Path) -> io::Result<Folder> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Folder { dir: dir.to_owned() })
    }

    /// One that is there already, to be read.
    pub fn at(dir: &Path) -> Folder {
        Folder { dir: dir.to_owned() }
    }

    fn path(&self, call: CallId, ending: &str) -> PathBuf {
        self.dir.join(format!("{call}.{ending}"))
    }

    /// All messages, oldest first. Files that are no message are passed over.
    pub fn list(&self) -> io::Result<Vec<Message>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "json")
                && let Ok(text) = fs::read_to_string(&path)
                && let Ok(message) = serde_json::from_str::<Message>(&text)
            {
                found.push(message);
            }
        }
        found.sort_by_key(|message| (message.at_us, message.call));
        Ok(found)
    }

    /// One message.
    pub fn show(&self, call: CallId) -> io::Result<Message> {
        let text = fs::read_to_string(self.path(call, "json"))?;
        serde_json::from_str(&text).map_err(io::Error::other)
    }

    /// Its sound: a whole WAV file.
    pub fn sound(&self, call: CallId) -> io::Result<Vec<u8>> {
        fs::read(self.path(call, "wav"))
    }

    /// Somebody has dealt with it, or not.
    pub fn set_done(&self, call: CallId, done: bool) -> io::Result<Message> {
        let message = Message { done, ..self.show(call)? };
        self.write(&message)?;
        Ok(message)
    }

    /// Takes a message away for good.
    pub fn remove(&self, call: CallId) -> io::Result<()> {
        // In this order: without its description it is no message any more.
        fs::remove_file(self.path(call, "json"))?;
        fs::remove_file(self.path(call, "wav"))
    }

    /// Whether one more may be kept.
    pub(super) fn room(&self, messages_max: u32, bytes_max: u64) -> io::Result<bool> {
        let (mut messages, mut bytes) = (0_u32, 0_u64);
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let is_sound = entry.path().extension().is_some_and(|ending| ending == "wav" || ending == "part");
            if is_sound {
                messages = messages.saturating_add(1);
                bytes = bytes.saturating_add(entry.metadata().map_or(0, |meta| meta.len()));
            }
        }
        Ok(messages < messages_max && bytes < bytes_max)
    }

    /// Begins a message. Its description goes first: after a crash it is known whose it is.
    pub(super) fn create(&self, message: &Message) -> io::Result<File> {
        let begun = serde_json::to_vec(message).map_err(io::Error::other)?;
        self.owned(&self.path(message.call, "begun"))?.write_all(&begun)?;
        let mut file = self.owned(&self.path(message.call, "part"))?;
        file.write_all(&header(0))?;
        Ok(file)
    }

    pub(super) fn finish(&self, mut file: File, samples: u64, message: &Message) -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(samples))?;
        file.sync_all()?;
        fs::rename(self.path(message.call, "part"), self.path(message.call, "wav"))?;
        self.write(&Message { ms: samples / 8, ..message.clone() })?;
        self.remove_begun(message.call);
        Ok(())
    }

    /// Nothing is left of a message that was begun.
    pub(super) fn forget(&self, call: CallId) {
        for path in [self.path(call, "part"), self.path(call, "wav")] {
            // It may never have come to that.
            let _ = fs::remove_file(path);
        }
        self.remove_begun(call);
    }

    fn remove_begun(&self, call: CallId) {
        let _ = fs::remove_file(self.path(call, "begun"));
    }

    /// Messages that a crash cut off become messages, as far as they were written.
    pub(super) fn salvage(&self, least_samples: u64, now: Wall) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != "begun") {
                continue;
            }
            let message = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Message>(&text).ok());
            let Some(message) = message else {
                fs::remove_file(&path)?;
                continue;
            };
            // Its sound may have its name already.
            let _ = fs::rename(self.path(message.call, "wav"), self.path(message.call, "part"));
            let file = OpenOptions::new().write(true).open(self.path(message.call, "part"));
            let bytes = file.as_ref().ok().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
            let samples = bytes.saturating_sub(HEADER_BYTES) / 2;
            match file {
                Ok(file) if samples >= least_samples => {
                    tracing::warn!(call = %message.call, at = %now, "a voicemail that the last process left behind was saved");
                    self.finish(file, samples, &message)?;
                }
                Ok(_) | Err(_) => self.forget(message.call),
            }
        }
        Ok(())
    }

    /// Removes those that began before `before`; how many.
    pub(super) fn sweep(&self, before: Wall) -> io::Result<u64> {
        let mut removed = 0;
        for message in self.list()?.into_iter().filter(|message| message.at_us < before.0) {
            self.remove(message.call)?;
            removed += 1;
        }
        Ok(removed)
    }

    fn write(&self, message: &Message) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(message).map_err(io::Error::other)?;
        let new = self.path(message.call, "new");
        let mut file = self.owned(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, self.path(message.call, "json"))
    }

    fn owned(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
    }
}

/// RIFF header of so many 16-bit samples, mono.
fn header(samples: u64) -> [u8; HEADER_BYTES as usize] {
    let bytes = u32::try_from(samples.saturating_mul(2)).unwrap_or(u32::MAX - 36);
    let mut header = [0; HEADER_BYTES as usize];
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &(bytes + 36).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &RATE_HZ.to_le_bytes(),
        &(RATE_HZ * 2).to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
        &[],
    ];
    let mut at = 0;
    for field in fields {
        header[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    header
}
