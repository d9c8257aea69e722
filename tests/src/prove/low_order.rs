//! Points of low order: keys with which everybody agrees on the same secret, all zeros, whatever the other key is.

/// The seven that <https://cr.yp.to/ecdh.html> lists, as they travel: 0 and 1, the two of order 8, and what is one
/// below, equal to and one above the prime.
pub(super) const POINTS: [[u8; 32]; 7] = [
    near(0, 0, 0),
    near(1, 0, 0),
    [
        0xE0, 0xEB, 0x7A, 0x7C, 0x3B, 0x41, 0xB8, 0xAE, 0x16, 0x56, 0xE3, 0xFA, 0xF1, 0x9F, 0xC4, 0x6A, 0xDA,
        0x09, 0x8D, 0xEB, 0x9C, 0x32, 0xB1, 0xFD, 0x86, 0x62, 0x05, 0x16, 0x5F, 0x49, 0xB8, 0x00,
    ],
    [
        0x5F, 0x9C, 0x95, 0xBC, 0xA3, 0x50, 0x8C, 0x24, 0xB1, 0xD0, 0xB1, 0x55, 0x9C, 0x83, 0xEF, 0x5B, 0x04,
        0x44, 0x5C, 0xC4, 0x58, 0x1C, 0x8E, 0x86, 0xD8, 0x22, 0x4E, 0xDD, 0xD0, 0x9F, 0x11, 0x57,
    ],
    near(0xEC, 0xFF, 0x7F),
    near(0xED, 0xFF, 0x7F),
    near(0xEE, 0xFF, 0x7F),
];

/// A point with these first and last bytes, and the same bytes in between.
const fn near(first: u8, rest: u8, last: u8) -> [u8; 32] {
    let mut point = [rest; 32];
    point[0] = first;
    point[31] = last;
    point
}

#[cfg(test)]
mod tests {
    use iot_node::noise::{Handshake, KeyPair, NoiseError, Parties, Pattern, Role};

    use super::*;

    #[test]
    fn a_node_takes_none_of_them_for_a_key() {
        let own = KeyPair::from_secret([7; 32]);
        for point in POINTS {
            let parties =
                Parties { pattern: Pattern::Ik, role: Role::Responder, own: &own, theirs: None, psk: None };
            let mut message = [0; 108];
            message[..32].copy_from_slice(&point);
            let read = Handshake::new(&parties, &[], [1; 32]).read(&message, &mut [0; 12]);
            assert_eq!(read, Err(NoiseError::WeakKey), "{point:x?}");
        }
    }
}
