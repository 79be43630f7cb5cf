//! `turno journal export`: a copy of a journal without anybody's numbers or passwords, which still replays to equal effects.
//!
//! Numbers are replaced by others of the same length in messages and states alike; then the engine runs on the replaced
//! inputs and its effects are hashed anew. A request whose digest covered a replaced number fails its check in the copy.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use turno_engine::{Engine, EngineConfig, Input};
use turno_sip::config::Secret;

use crate::shell::journal::effects_hash;
use crate::shell::journal::recover::{Opening, handle_again, opening};
use crate::shell::journal::segment::{Record, Segment, carried_state, frame, name_of, segments};
use crate::shell::redact::Redactor;

/// Copies the journal at `from` to the new folder `to`; gives the number of inputs copied.
pub fn export(from: &Path, to: &Path, mut redactor: Redactor) -> io::Result<u64> {
    let found = segments(from)?;
    for (_, path) in &found {
        for record in Segment::read(path)? {
            if let Record::Turn(turn) = record
                && let Input::Configure(config) = turn.input
            {
                hide_secrets(&config, &mut redactor);
            }
        }
    }
    fs::create_dir(to)?;
    let (mut inputs, mut running) = (0, None);
    for (number, path) in found {
        let (copy, copied) = copy(&path, &mut running, &redactor)?;
        inputs += copied;
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(to.join(name_of(number)))?;
        file.write_all(&copy)?;
    }
    Ok(inputs)
}

/// Makes the redactor blank every secret of this configuration.
fn hide_secrets(config: &EngineConfig, redactor: &mut Redactor) {
    for account in &config.sip.accounts {
        match &account.secret {
            Secret::Password(password) => redactor.hide(password),
            Secret::Hashes { md5, sha256 } => {
                redactor.hide(md5);
                redactor.hide(sha256);
            }
        }
    }
    for credentials in config.sip.trunks.iter().filter_map(|trunk| trunk.credentials.as_ref()) {
        redactor.hide(&credentials.password);
    }
}

/// Copies a segment; `running` is the redacted engine as it was at the end of the one before, and then at the end of this.
fn copy(path: &Path, running: &mut Option<Engine>, redactor: &Redactor) -> io::Result<(Vec<u8>, u64)> {
    let mut out = Vec::new();
    let mut original = Vec::new();
    let mut segment = Segment::read(path)?;
    let Some(Record::Begin(begin)) = segment.next() else { return Ok((out, 0)) };
    let (is_first, within) = (begin.first, segment.state());
    frame(&Record::Begin(begin), &mut out);
    let before = running.take().filter(|_| !is_first && within.is_none());
    let mut engine = match (before, within.or_else(|| carried_state(path))) {
        (Some(engine), _) => engine,
        (None, None) => return Ok((Vec::new(), 0)),
        (None, Some(mut state)) => {
            redactor.redact(&mut state);
            frame(&Record::State(state), &mut out);
            match opening(&mut Segment::from_bytes(out.clone()), path) {
                Opening::State(_, engine) => *engine,
                Opening::Torn | Opening::Follows(_) => return Ok((Vec::new(), 0)),
                Opening::Other(why) => return Err(io::Error::new(io::ErrorKind::InvalidData, why)),
            }
        }
    };
    let (mut effects, mut scratch, mut inputs) = (Vec::new(), Vec::new(), 0);
    for record in segment.by_ref() {
        let Record::Turn(mut turn) = record else { continue };
        original.clear();
        original = postcard::to_extend(&turn.input, original).expect("plain data in memory always serialises");
        redactor.redact(&mut original);
        let Ok(input) = postcard::from_bytes::<Input>(&original) else { continue };
        turn.input = input;
        handle_again(&mut engine, &turn.input, turn.now, &mut effects);
        turn.hash = effects_hash(&effects, &mut scratch);
        effects.clear();
        frame(&Record::Turn(turn), &mut out);
        inputs += 1;
    }
    *running = (segment.torn_bytes() == 0).then_some(engine);
    Ok((out, inputs))
}
