//! A stream: the first byte says how it is cut; the frames must not depend on it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_sip::stream::{Frame, Framer, HEAD_BYTES_MAX};

fn frames(bytes: &[u8], piece: usize) -> Vec<Frame> {
    let (mut framer, mut frames) = (Framer::new(), Vec::new());
    for chunk in bytes.chunks(piece) {
        framer.push(chunk);
        frames.extend(std::iter::from_fn(|| framer.next_frame()).filter(|frame| *frame != Frame::Ping));
        assert!(framer.held() <= HEAD_BYTES_MAX + 65_536);
    }
    frames
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else { return };
    assert_eq!(frames(bytes, usize::from(*piece).max(1)), frames(bytes, usize::MAX));
});
