//! The file in which a carried state lies. It is written piece by piece: a full house's state beside its bytes, and those once more in
//! their frame, would be memory that a node needs at no other time.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use postcard::ser_flavors::Size;
use serde::Serialize;

use crate::shell::journal::segment::{HEAD_BYTES, STATE_TAG};
use crate::shell::journal::{hash_began, hash_ended, hash_step};

const WRITE_BYTES: usize = 1 << 16;

/// Writes the frame of [`super::Record::State`] of `state`, from the beginning of `file`.
pub(super) fn write_state(state: &impl Serialize, file: &mut (impl Write + Seek)) -> io::Result<()> {
    let plain = "plain data in memory always serialises";
    let length = postcard::serialize_with_flavor(state, Size::default()).expect(plain);
    let begins = postcard::to_extend(&length, vec![STATE_TAG]).expect(plain);
    let body = begins.len() + length;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[0; HEAD_BYTES])?;
    let mut to = BufWriter::with_capacity(WRITE_BYTES, Hashing::new(&mut *file, body));
    to.write_all(&begins)?;
    // What can fail is the writing, and postcard does not say how.
    postcard::to_io(state, &mut to).map_err(io::Error::other)?;
    let sum = to.into_inner().map_err(io::IntoInnerError::into_error)?.sum();
    file.seek(SeekFrom::Start(0))?;
    let length = u32::try_from(body).expect("a frame is far below 4 GiB");
    file.write_all(&[length.to_le_bytes(), (sum as u32).to_le_bytes()].concat())
}

/// Passes bytes on and makes [`super::hash64`] of them all.
struct Hashing<W> {
    to: W,
    state: u64,
    /// Bytes that fill no word yet, and how many they are.
    rest: [u8; 8],
    filled: usize,
}

impl<W> Hashing<W> {
    /// For so many bytes.
    fn new(to: W, length: usize) -> Hashing<W> {
        Hashing { to, state: hash_began(length), rest: [0; 8], filled: 0 }
    }

    fn sum(self) -> u64 {
        hash_ended(self.state, self.rest)
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(place) = self.rest.get_mut(self.filled..).filter(|_| !bytes.is_empty()) {
            if self.filled == 0 && bytes.len() >= 8 {
                let (words, rest) = bytes.as_chunks::<8>();
                self.state = words.iter().fold(self.state, |state, word| hash_step(state, *word));
                bytes = rest;
                continue;
            }
            let (now, later) = bytes.split_at(place.len().min(bytes.len()));
            for (to, from) in place.iter_mut().zip(now) {
                *to = *from;
            }
            self.filled += now.len();
            bytes = later;
            if self.filled == 8 {
                self.state = hash_step(self.state, std::mem::take(&mut self.rest));
                self.filled = 0;
            }
        }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.take(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::shell::journal::hash64;
    use crate::shell::journal::segment::{Record, frame};

    #[test]
    fn a_state_written_piece_by_piece_is_the_frame_that_one_in_memory_would_be() {
        for count in (0_u32..70).chain([50_000]) {
            // Numbers of one to five bytes, so that every length comes up.
            let state: Vec<u32> = (0..count).map(|n| n.wrapping_mul(2_654_435_761) >> (n % 32)).collect();
            let (mut file, mut whole) = (Cursor::new(vec![7; 3]), Vec::new());
            write_state(&state, &mut file).unwrap();
            frame(&Record::State(postcard::to_allocvec(&state).unwrap()), &mut whole);
            assert_eq!(file.into_inner(), whole, "{count} numbers");
        }
    }

    #[test]
    fn bytes_have_one_hash_however_they_are_cut() {
        let bytes: Vec<u8> = (0..101_u8).collect();
        for cut in 0..bytes.len() {
            let mut hashing = Hashing::new(io::sink(), bytes.len());
            let (before, behind) = bytes.split_at(cut);
            for part in [before, &[], behind] {
                hashing.write_all(part).unwrap();
            }
            assert_eq!(hashing.sum(), hash64(&bytes), "cut at {cut}");
        }
    }
}
