//! HMAC-SHA256 (RFC 2104, FIPS 198-1): who gets a web hook can tell that it is ours.

use std::fmt::Write;

use sha2::{Digest, Sha256};

const BLOCK_BYTES: usize = 64;

/// The code of `parts`, one after the other, under `key`, in hexadecimal.
pub(in crate::shell) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    let mut block = [0_u8; BLOCK_BYTES];
    match block.get_mut(..key.len()) {
        Some(start) => start.copy_from_slice(key),
        None => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let mut inner = Sha256::new_with_prefix(padded(0x36));
    parts.iter().for_each(|part| inner.update(part));
    let code = Sha256::new_with_prefix(padded(0x5c)).chain_update(inner.finalize()).finalize();
    code.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 1, 2, 3 and 6.
    #[test]
    fn the_codes_of_the_rfc() {
        for (key, text, want) in [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let (a, b) = text.split_at(3);
            assert_eq!(hmac_sha256(&key, &[a, b]), want);
        }
    }
}
