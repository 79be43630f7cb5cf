//! What a consumer keeps in the house: its place, `<name>.place`, and what it was refused, `<name>.refused.jsonl`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use turno_tariff::cdr::format;

use crate::shell::store::consumer::Trouble;
use crate::shell::store::feed::{Content, Item};
use crate::shell::store::frame::crc32;
use crate::shell::store::log::Place;

/// Something small that is written whole or not at all.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    name: String,
}

impl Shelf {
    pub(super) fn new(dir: &Path, name: &str) -> Shelf {
        Shelf { dir: dir.to_owned(), name: name.to_owned() }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.name))
    }

    /// What was kept last; none: nothing, or by another build. A damaged one is an error, not a beginning.
    pub(super) fn read<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let bytes = match fs::read(self.path("place")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((sum, body)) = bytes.split_first_chunk::<4>() else { return Err(damaged(&self.path("place"))) };
        if crc32(body) != u32::from_le_bytes(*sum) {
            return Err(damaged(&self.path("place")));
        }
        postcard::from_bytes(body).map(Some).map_err(|_| damaged(&self.path("place")))
    }

    pub(super) fn keep(&self, kept: &impl Serialize) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let body = postcard::to_allocvec(kept).expect("plain data in memory always serialises");
        let (path, next) = (self.path("place"), self.path("place.next"));
        let mut file = File::create(&next)?;
        file.write_all(&crc32(&body).to_le_bytes())?;
        file.write_all(&body)?;
        file.sync_data()?;
        fs::rename(&next, &path)?;
        File::open(&self.dir)?.sync_data()
    }

    /// Adds an item to what was refused. After a crash it may stand there twice, with the same place.
    pub(super) fn set_aside(&self, item: &Item, reason: &str) -> Result<(), Trouble> {
        let run = || {
            fs::create_dir_all(&self.dir)?;
            let mut file = File::options().append(true).create(true).open(self.path("refused.jsonl"))?;
            file.write_all(line(item, reason).as_bytes())?;
            file.sync_data()
        };
        run().map_err(|error: io::Error| Trouble::passing(error))
    }
}

fn damaged(path: &Path) -> io::Error {
    let sentence =
        format!("{} is damaged; remove it to have everything that is kept written once more", path.display());
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

fn line(item: &Item, reason: &str) -> String {
    let key = item.key().map(|(call, seq)| (call.to_string(), seq));
    let record = match &item.content {
        Content::Record { record, .. } => serde_json::from_str(&format::json(record)).unwrap_or_default(),
        Content::Facts { .. } | Content::Beat(_) | Content::Unreadable(_) => serde_json::Value::Null,
    };
    let line = json!({
        "segment": item.at.segment,
        "offset": item.at.offset,
        "call": key.as_ref().map(|(call, _)| call),
        "seq": key.as_ref().map(|(_, seq)| seq),
        "reason": reason,
        "record": record,
    });
    line.to_string() + "\n"
}

/// A record that a consumer refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whose list it is on.
    pub consumer: String,
    /// Where it lies in the log.
    pub at: Place,
    /// Which call, if that much could be read.
    pub call: Option<String>,
    /// Why.
    pub reason: String,
}

/// What all consumers of the store in `dir` but the tables refused, by consumer, in the order of the log.
pub fn refused(dir: &Path) -> io::Result<Vec<Refused>> {
    #[derive(Deserialize)]
    struct Line {
        segment: u64,
        offset: u64,
        call: Option<String>,
        reason: String,
    }
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir.join("out")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".refused.jsonl"));
        let Some(consumer) = name else { continue };
        for line in fs::read_to_string(&path)?.lines() {
            // The last one may be torn.
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            let at = Place { segment: line.segment, offset: line.offset };
            found.push(Refused { consumer: consumer.to_owned(), at, call: line.call, reason: line.reason });
        }
    }
    found.sort_by(|a, b| (&a.consumer, a.at).cmp(&(&b.consumer, b.at)));
    found.dedup_by(|a, b| (&a.consumer, a.at) == (&b.consumer, b.at));
    Ok(found)
}
