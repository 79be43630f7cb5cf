//! A listener's place in what is played to it.

use serde::{Deserialize, Serialize};
use turno_base::Codec;

use crate::boundary::Play;
use crate::limits::PLAY_MAX;
use crate::prompt::{ClipId, Library, silence};

/// What is played to one leg, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Player {
    once: Vec<ClipId>,
    looped: Option<ClipId>,
    /// Next of `once`.
    at: usize,
    /// Bytes into the present clip.
    offset: usize,
    /// Whether the end of `once` is still to be reported.
    owes_end: bool,
}

/// What a step led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stepped {
    /// The last prompt to be played once ended within this packet.
    pub(crate) ended: bool,
    /// Nothing is left to play.
    pub(crate) over: bool,
}

impl Player {
    /// From the first sample of the first prompt. Names that the library lacks are left out; their count comes too.
    pub(crate) fn new(play: &Play, library: &Library) -> (Player, u64) {
        let (names, looped): (&[_], _) = match play {
            Play::Once(names) => (names, None),
            Play::Loop(name) => (&[], Some(library.find(*name))),
            Play::OnceThenLoop(names, name) => (names, Some(library.find(*name))),
            Play::Ringback => (&[], Some(library.ringback())),
        };
        let wanted = names.len() + usize::from(looped.is_some());
        let once: Vec<ClipId> = names.iter().take(PLAY_MAX).filter_map(|name| library.find(*name)).collect();
        let looped = looped.flatten();
        let missing = wanted - once.len() - usize::from(looped.is_some());
        let owes_end = !matches!(play, Play::Loop(_) | Play::Ringback);
        (Player { once, looped, at: 0, offset: 0, owes_end }, missing as u64)
    }

    /// All clips that may be heard.
    pub(crate) fn clips(&self) -> impl Iterator<Item = ClipId> {
        self.once.iter().copied().chain(self.looped)
    }

    /// Fills one packet and moves on by its length; codecs without encodings only move on. Loops join seamlessly;
    /// what lies beyond the end is silence.
    pub(crate) fn step(&mut self, library: &Library, codec: Codec, packet: &mut [u8]) -> Stepped {
        let (mut filled, mut ended) = (0, false);
        while let Some(room) = packet.get_mut(filled..).filter(|room| !room.is_empty()) {
            if self.owes_end && self.at >= self.once.len() {
                self.owes_end = false;
                ended = true;
            }
            let Some(clip) = self.once.get(self.at).copied().or(self.looped) else {
                room.fill(silence(codec).unwrap_or(0));
                break;
            };
            let left = library.len(clip).saturating_sub(self.offset);
            library.copy(clip, codec, self.offset, room);
            let taken = left.min(room.len());
            filled += taken;
            self.offset += taken;
            if taken == left {
                self.offset = 0;
                self.at = self.at.saturating_add(usize::from(self.at < self.once.len()));
            }
        }
        // An end that falls on the packet's last byte is told with this packet.
        if self.owes_end && self.at >= self.once.len() {
            self.owes_end = false;
            ended = true;
        }
        Stepped { ended, over: self.at >= self.once.len() && self.looped.is_none() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::{A_SILENCE, a_encode};
    use crate::sound::Sound;
    use turno_base::PromptId;

    fn name(text: &str) -> PromptId {
        PromptId::new(text).unwrap()
    }

    /// Prompts of a constant value: `one` 30 ms of 1000, `two` 10 ms of 2000, `music` 25 ms of 3000.
    fn library() -> Library {
        let mut library = Library::new();
        for (text, value, ms) in [("one", 1000, 30), ("two", 2000, 10), ("music", 3000, 25)] {
            library.add(name(text), Sound { rate_hz: 8000, samples: vec![value; ms * 8] }).unwrap();
        }
        library
    }

    /// What is heard, as runs of prompt initials and milliseconds, packet by packet.
    fn heard(play: &Play, packets: usize) -> (String, u64) {
        let mut library = library();
        let (mut player, missing) = Player::new(play, &library);
        for clip in player.clips().collect::<Vec<_>>() {
            library.prepare(clip, Codec::Pcma);
        }
        let letter = |byte: u8| match byte {
            A_SILENCE => '-',
            b if b == a_encode(1000) => '1',
            b if b == a_encode(2000) => '2',
            b if b == a_encode(3000) => 'm',
            b => panic!("{b:02x}"),
        };
        let mut text = String::new();
        for _ in 0..packets {
            let mut packet = [0; 160];
            let stepped = player.step(&library, Codec::Pcma, &mut packet);
            for run in packet.chunk_by(|a, b| a == b) {
                text.push_str(&format!("{}{} ", letter(run[0]), run.len() / 8));
            }
            if stepped.ended {
                text.push_str("ended ");
            }
            if stepped.over {
                text.push_str("over ");
                break;
            }
            text.push_str("| ");
        }
        (text.trim_end().to_owned(), missing)
    }

    #[test]
    fn prompts_follow_one_another_without_a_gap() {
        for (play, expected) in [
            (Play::Once(vec![name("one"), name("two")]), ("120 | 110 210 ended over", 0)),
            (Play::Once(vec![name("two")]), ("210 -10 ended over", 0)),
            (Play::Loop(name("music")), ("m20 | m20 | m20 | m20 |", 0)),
            (Play::OnceThenLoop(vec![name("one")], name("music")), ("120 | 110 m10 ended | m20 | m20 |", 0)),
            (Play::Once(vec![]), ("-20 ended over", 0)),
            (Play::Once(vec![name("nowhere"), name("two")]), ("210 -10 ended over", 1)),
            (Play::OnceThenLoop(vec![name("two")], name("nowhere")), ("210 -10 ended over", 1)),
            (Play::Loop(name("nowhere")), ("-20 over", 1)),
        ] {
            assert_eq!(heard(&play, 4), (expected.0.to_owned(), expected.1), "{play:?}");
        }
    }

    #[test]
    fn a_list_beyond_the_bound_is_cut() {
        let library = library();
        let (player, missing) = Player::new(&Play::Once(vec![name("one"); PLAY_MAX + 5]), &library);
        assert_eq!((player.clips().count(), missing), (PLAY_MAX, 5));
    }
}
