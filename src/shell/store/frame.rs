//! Frames of the record log: length, checksum, postcard.

pub(super) use crc32fast::hash as crc32;
use serde::{Deserialize, Serialize};
use turno_base::{CallId, Fact, Now, Wall};
use turno_tariff::cdr::{Kind, Row, former};

/// Largest frame: a record at every bound at once is smaller. A longer length is damage.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;
/// The first format whose records have the tags of their legs' dialogs.
const TAGGED: u32 = 8;
const PLAIN: &str = "plain data in memory always serialises";
/// Length and checksum.
const HEAD_BYTES: usize = 8;

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A row of the engine, with its number.
    Row(u64, Row),
    /// A row that closes a call after a crash.
    Recovered(Row),
    /// The process was alive.
    Beat(Wall),
    /// A piece of the event line: the number of its first fact, and the facts.
    Facts(u64, Vec<Fact>),
}

/// [`Entry`] by reference, with the same layout.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) enum EntryRef<'a> {
    Row(u64, &'a Row),
    Recovered(&'a Row),
    Beat(Wall),
}

/// The beginning of an [`Entry`], with the same layout: what a start reads of every frame. The facts and records behind it
/// are most of the bytes and all of the allocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EntryHead {
    Row(u64, RowHead),
    Recovered(RowHead),
    Beat(Wall),
    /// The number of its first fact, and how many.
    Facts(u64, u64),
}

/// The beginning of a [`Row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowHead {
    pub(super) call: CallId,
    pub(super) seq: u32,
    pub(super) at: Now,
    pub(super) kind: KindHead,
}

/// Which [`turno_tariff::cdr::Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KindHead {
    Open,
    Interim,
    Close,
}

/// Reads the beginning of a body.
pub(super) fn head(body: &[u8]) -> Option<EntryHead> {
    postcard::take_from_bytes(body).ok().map(|(head, _)| head)
}

/// Reads a body of a segment of this format. Formats before [`TAGGED`] differ in the records of calls that ended.
pub(super) fn entry(format: u32, body: &[u8]) -> Result<Entry, postcard::Error> {
    if format >= TAGGED {
        return postcard::from_bytes(body);
    }
    let (head, rest) = postcard::take_from_bytes::<EntryHead>(body)?;
    let closed = |row: RowHead| {
        let kind = Kind::Close(Box::new(postcard::from_bytes::<former::Record>(rest)?.now()));
        Ok(Row { call: row.call, seq: row.seq, at: row.at, kind })
    };
    match head {
        EntryHead::Row(seq, row) if row.kind == KindHead::Close => Ok(Entry::Row(seq, closed(row)?)),
        EntryHead::Recovered(row) if row.kind == KindHead::Close => Ok(Entry::Recovered(closed(row)?)),
        EntryHead::Row(..) | EntryHead::Recovered(_) | EntryHead::Beat(_) | EntryHead::Facts(..) => {
            postcard::from_bytes(body)
        }
    }
}

/// Appends the frame of `entry` to `out`. Returns whether it fits a frame; what does not is not appended.
pub(super) fn encode(entry: EntryRef<'_>, out: &mut Vec<u8>) -> bool {
    close(out, |frame| postcard::to_extend(&entry, frame).expect(PLAIN))
}

/// Appends the frame of an [`Entry::Facts`] whose facts are serialised already, one behind the other.
pub(super) fn encode_facts(facts: &FactsRef<'_>, out: &mut Vec<u8>) -> bool {
    close(out, |frame| {
        let head = EntryHead::Facts(facts.first, facts.count);
        let mut frame = postcard::to_extend(&head, frame).expect(PLAIN);
        frame.extend_from_slice(facts.bytes);
        frame
    })
}

/// A run of facts in the form in which they travel.
#[derive(Clone, Copy, Debug)]
pub(super) struct FactsRef<'a> {
    /// Number of the first.
    pub(super) first: u64,
    /// How many.
    pub(super) count: u64,
    /// Their postcards.
    pub(super) bytes: &'a [u8],
}

fn close(out: &mut Vec<u8>, fill: impl FnOnce(Vec<u8>) -> Vec<u8>) -> bool {
    let at = out.len();
    let mut frame = std::mem::take(out);
    frame.extend_from_slice(&[0; HEAD_BYTES]);
    *out = fill(frame);
    let body = out.get(at + HEAD_BYTES..).unwrap_or(&[]);
    if body.len() > FRAME_BYTES_MAX {
        out.truncate(at);
        return false;
    }
    let (length, sum) = ((body.len() as u32).to_le_bytes(), crc32(body).to_le_bytes());
    if let Some(head) = out.get_mut(at..at + HEAD_BYTES) {
        head.copy_from_slice(&[length[0], length[1], length[2], length[3], sum[0], sum[1], sum[2], sum[3]]);
    }
    true
}

/// The body of the first frame and how long the frame is; none if it is incomplete or damaged.
pub(super) fn first(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > FRAME_BYTES_MAX {
        return None;
    }
    let body = rest.get(..length)?;
    (crc32(body) == u32::from_le_bytes(*sum)).then_some((body, HEAD_BYTES + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use turno_base::fact::What;

    #[test]
    fn the_checksum_is_the_known_one() {
        for (text, sum) in
            [("", 0), ("123456789", 0xcbf4_3926), ("The quick brown fox jumps over the lazy dog", 0x414f_a339)]
        {
            assert_eq!(crc32(text.as_bytes()), sum, "{text}");
        }
    }

    #[test]
    fn an_entry_and_its_reference_are_the_same_bytes() {
        let beat = postcard::to_allocvec(&EntryRef::Beat(Wall(5))).unwrap();
        assert_eq!(postcard::from_bytes::<Entry>(&beat), Ok(Entry::Beat(Wall(5))));
    }

    #[test]
    fn facts_that_were_serialised_one_by_one_are_read_as_a_list() {
        let fact = |on| Fact { at: Now::from_ms(300), what: What::Emergency { queue: None, on } };
        let facts = vec![fact(true), fact(false)];
        let bytes: Vec<u8> = facts.iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
        let mut out = Vec::new();
        assert!(encode_facts(&FactsRef { first: 700, count: 2, bytes: &bytes }, &mut out));
        let (body, length) = first(&out).unwrap();
        assert_eq!(length, out.len());
        assert_eq!(head(body), Some(EntryHead::Facts(700, 2)));
        assert_eq!(postcard::from_bytes::<Entry>(body), Ok(Entry::Facts(700, facts)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(first(&bytes).is_none_or(|(_, length)| length <= bytes.len()));
        }

        #[test]
        fn a_frame_that_lost_or_changed_a_byte_is_none(wall in any::<i64>(), at in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            encode(EntryRef::Beat(Wall(wall)), &mut bytes);
            prop_assert_eq!(first(&bytes).map(|(_, length)| length), Some(bytes.len()));
            prop_assert!(first(&bytes[..at.index(bytes.len())]).is_none());
            let n = at.index(bytes.len());
            bytes[n] ^= 0x40;
            prop_assert!(first(&bytes).is_none());
        }
    }
}
