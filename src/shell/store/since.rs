//! The event line from a number on, as the log keeps it: what somebody missed who was away.

use std::io;
use std::path::{Path, PathBuf};

use turno_base::{Fact, Wall};

use super::StoreError;
use super::feed::{self, Content, Next, Wants};
use super::frame::{self, Entry, EntryHead};
use super::log::{self, HEADER_BYTES, Place};

/// Where to read on.
#[derive(Debug)]
pub struct Since {
    dir: PathBuf,
    at: Place,
    /// Number of the last fact that was read.
    last: u64,
    /// The frame at the place has facts that were read.
    begun: bool,
}

impl Since {
    /// Behind fact number `after` of the store in `dir`, the youngest of that number, if it happened `at`. None: the log does
    /// not have it, or not yet.
    pub fn find(dir: &Path, after: u64, at: Option<Wall>) -> Result<Option<Since>, StoreError> {
        let dir = dir.join("log");
        match find(&dir, after, at) {
            Ok(place) => Ok(place.map(|at| Since { dir, at, last: after, begun: true })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Disk { what: "read", path: dir, error }),
        }
    }

    /// The facts that follow, in order and without a gap, while `on` wants more. Ends where the log does, and where another
    /// life of the engine begins.
    pub fn each(&mut self, mut on: impl FnMut(u64, Fact) -> bool) -> Result<(), StoreError> {
        let wants = Wants { records: false, facts: true, beats: false };
        loop {
            let durable = log::segments(&self.dir).map_err(|error| self.error(error))?;
            let Some(&last) = durable.last() else { return Ok(()) };
            let durable = Place { segment: last, offset: u64::MAX };
            let next = feed::next(&self.dir, self.at, durable, wants).map_err(|error| self.error(error))?;
            let (items, to) = match next {
                Next::Nothing => return Ok(()),
                Next::Turned(to) => {
                    self.at = to;
                    continue;
                }
                Next::Items(items, to) => (items, to),
            };
            for item in items {
                let Content::Facts { first, facts } = item.content else { continue };
                let known = if std::mem::take(&mut self.begun) { self.last } else { 0 };
                for (number, fact) in (first..).zip(facts).filter(|(number, _)| *number > known) {
                    if number != self.last + 1 || !on(number, fact) {
                        return Ok(());
                    }
                    self.last = number;
                }
            }
            self.at = to;
        }
    }

    fn error(&self, error: io::Error) -> StoreError {
        StoreError::Disk { what: "read", path: self.dir.clone(), error }
    }
}

/// The beginning of the frame that has the fact.
fn find(dir: &Path, number: u64, at: Option<Wall>) -> io::Result<Option<Place>> {
    for segment in log::segments(dir)?.into_iter().rev() {
        let bytes = std::fs::read(log::path(dir, segment))?;
        let (mut found, mut begins) = (None, HEADER_BYTES);
        log::scan(&bytes, HEADER_BYTES as usize, |body, behind| {
            match frame::head(body) {
                Some(EntryHead::Facts(first, count)) if (first..first.saturating_add(count)).contains(&number) => {
                    if let Ok(Entry::Facts(first, facts)) = postcard::from_bytes(body) {
                        let fact = usize::try_from(number - first).ok().and_then(|nth| facts.into_iter().nth(nth));
                        found = fact.map(|fact| (fact.at.wall, begins));
                    }
                }
                Some(EntryHead::Facts(..) | EntryHead::Row(..) | EntryHead::Recovered(_) | EntryHead::Beat(_))
                | None => {}
            }
            begins = behind as u64;
        });
        if let Some((wall, offset)) = found {
            return Ok(at.is_none_or(|at| at == wall).then_some(Place { segment, offset }));
        }
    }
    Ok(None)
}

/// Number of the oldest fact of the life of the engine that the log ends with.
pub fn oldest(dir: &Path) -> Option<u64> {
    let dir = dir.join("log");
    let mut oldest = None;
    for segment in log::segments(&dir).ok()?.into_iter().rev() {
        let bytes = std::fs::read(log::path(&dir, segment)).ok()?;
        let mut first_here = None;
        log::scan(&bytes, HEADER_BYTES as usize, |body, _| {
            if let Some(EntryHead::Facts(first, _)) = frame::head(body)
                && first_here.is_none_or(|here| first < here)
            {
                first_here = Some(first);
            }
        });
        match (first_here, oldest) {
            (Some(here), None) => oldest = Some(here),
            (Some(here), Some(known)) if here < known => oldest = Some(here),
            (Some(_), Some(_)) => return oldest,
            (None, _) => {}
        }
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::store::tests::Dir;
    use crate::shell::store::{Options, Store};
    use std::time::Duration;
    use turno_base::Now;
    use turno_base::fact::What;

    fn fact(n: u64) -> Fact {
        Fact { at: Now::from_ms(n), what: What::Emergency { queue: None, on: n.is_multiple_of(2) } }
    }

    /// Appends facts in pieces of five.
    fn write(dir: &Dir, first: u64, last: u64) {
        let (store, _) =
            Store::open(&dir.0, Options { segment_bytes: 4096, ..Options::default() }, Vec::new(), |_| {}).unwrap();
        let mut from = first;
        while from <= last {
            let piece = from..=(from + 4).min(last);
            let bytes = piece.clone().flat_map(|n| postcard::to_allocvec(&fact(n)).unwrap()).collect();
            assert!(store.append_facts(from, piece.clone().count() as u64, bytes));
            from += 5;
        }
        store.close(Duration::from_secs(20));
    }

    fn read(dir: &Dir, after: u64, at: Option<Wall>) -> Option<Vec<u64>> {
        let mut since = Since::find(&dir.0, after, at).unwrap()?;
        let mut got = Vec::new();
        since
            .each(|number, told| {
                assert_eq!(told, fact(number));
                got.push(number);
                true
            })
            .unwrap();
        Some(got)
    }

    #[test]
    fn a_gap_is_read_over_segments_and_lives_end_it() {
        let dir = Dir::new("since");
        write(&dir, 1, 1000);
        for after in [1, 4, 5, 6, 777, 999, 1000] {
            assert_eq!(read(&dir, after, Some(fact(after).at.wall)), Some((after + 1..=1000).collect()), "{after}");
        }
        assert_eq!((read(&dir, 1001, None), read(&dir, 0, None)), (None, None));
        assert_eq!(read(&dir, 700, Some(Wall(1))), None, "that number was another event");
        assert_eq!(oldest(&dir.0), Some(1));
        write(&dir, 1001, 1010);
        assert_eq!(read(&dir, 998, None), Some((999..=1010).collect()));
        write(&dir, 1, 3);
        assert_eq!(read(&dir, 998, None), Some((999..=1010).collect()), "the engine began afresh");
        assert_eq!(read(&dir, 2, None), Some(vec![3]));
        assert_eq!(oldest(&dir.0), Some(1));
    }

    #[test]
    fn who_has_enough_stops() {
        let dir = Dir::new("since-stop");
        write(&dir, 1, 50);
        let mut left = 3;
        let mut since = Since::find(&dir.0, 10, None).unwrap().unwrap();
        since
            .each(|_, _| {
                left -= 1;
                left > 0
            })
            .unwrap();
        assert_eq!(left, 0);
    }
}
