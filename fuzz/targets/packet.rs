//! RTP and RTCP as readers see them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_media::reception::Reception;
use turno_media::rtcp::{self, Part};
use turno_media::rtp::{self, HEADER_BYTES};

fuzz_target!(|data: &[u8]| {
    if let Ok((header, payload)) = rtp::parse(data) {
        assert!(data.get(payload.clone()).is_some() && payload.start >= HEADER_BYTES);
        let mut again = header.to_bytes().to_vec();
        again.extend_from_slice(&data[payload.clone()]);
        let (read, rest) = rtp::parse(&again).expect("ours");
        assert!(read == header && again[rest] == data[payload.clone()]);
        let mut copy = data.to_vec();
        if let Some(before) = header.write_before(&mut copy, &payload) {
            assert!(rtp::parse(before).is_ok());
        }
    }
    if let Ok(parts) = rtcp::parse(data) {
        for part in parts {
            match part {
                Part::Report { blocks, .. } => assert!(blocks.count() <= 31),
                Part::Description | Part::Goodbye { .. } | Part::Unknown(_) => {}
            }
        }
    }
    // A stream of sequence numbers and timestamps, however they leap.
    let mut reception = Reception::default();
    let mut packets = 0;
    for piece in data.chunks_exact(9) {
        let mut header = [0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header[2..8].copy_from_slice(&piece[..6]);
        header[11] = piece[6] & 1;
        let (header, _) = rtp::parse(&header).expect("a whole header");
        let arrival = u32::from_be_bytes([piece[7], piece[8], piece[7], 0]);
        let _ = reception.on_packet(&header, (piece[6] & 2 != 0).then_some(arrival));
        packets += 1;
        if piece[6] & 4 != 0 {
            let _ = reception.report();
        }
        assert!(reception.received() <= packets);
        let _ = (reception.lost(), reception.jitter());
    }
});
