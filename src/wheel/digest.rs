//! The digests of RECORD that are computed, and computing one beside what makes its bytes.

use std::mem;
use std::sync::mpsc;
use std::thread;

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::archive::content::PIECE;
use super::record::hash;

/// A digest in the making.
pub enum Hasher {
    /// The usual one.
    Sha256(Sha256),
    /// Allowed.
    Sha384(Sha384),
    /// Allowed.
    Sha512(Sha512),
}

impl Hasher {
    /// By the name that RECORD has for it, if it is one of those that are computed.
    #[must_use]
    pub fn new(algorithm: &str) -> Option<Self> {
        Some(match algorithm {
            "sha256" => Self::Sha256(Sha256::new()),
            "sha384" => Self::Sha384(Sha384::new()),
            "sha512" => Self::Sha512(Sha512::new()),
            _ => return None,
        })
    }

    /// Takes more bytes in.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Sha384(hasher) => hasher.update(piece),
            Self::Sha512(hasher) => hasher.update(piece),
        }
    }

    /// As RECORD spells it, without the algorithm.
    #[must_use]
    pub fn digest(self) -> String {
        match self {
            Self::Sha256(hasher) => hash::base64(&hasher.finalize()),
            Self::Sha384(hasher) => hash::base64(&hasher.finalize()),
            Self::Sha512(hasher) => hash::base64(&hasher.finalize()),
        }
    }
}

/// Takes the first bytes of a buffer, which it may keep if it leaves another one in its place.
pub type Take<'a> = dyn FnMut(&mut Vec<u8>, usize) + 'a;

/// Runs `make` on this thread, and hashes on another what it gives away: buffers go to and fro, none is copied, and
/// there are never more than a few of them. If no thread can be had, it is done here.
pub fn beside<R>(hasher: &mut Hasher, make: impl FnOnce(&mut Take<'_>) -> R) -> R {
    /// Buffers that may wait to be hashed.
    const WAITING: usize = 4;
    let (full, waiting) = mpsc::sync_channel::<(Vec<u8>, usize)>(WAITING);
    let (done, used) = mpsc::channel::<Vec<u8>>();
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, {
            let hasher = &mut *hasher;
            move || {
                for (buffer, length) in waiting {
                    hasher.update(&buffer[..length]);
                    // Who makes the bytes may have ended already.
                    let _ = done.send(buffer);
                }
            }
        });
        match other {
            Ok(_) => {
                // Gone at the end of this block, by which the other thread knows that it is done.
                let full = full;
                Ok(make(&mut |buffer, length| {
                    let fresh = used.try_recv().unwrap_or_else(|_| vec![0; PIECE]);
                    // The other thread receives as long as it lives, and if it panics, so does the scope.
                    let _ = full.send((mem::replace(buffer, fresh), length));
                }))
            }
            Err(_) => Err(make),
        }
    })
    .unwrap_or_else(|make| make(&mut |buffer, length| hasher.update(&buffer[..length])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_beside_gives_the_same_digest() {
        let mut here = Hasher::new("sha256").unwrap();
        let mut there = Hasher::new("sha256").unwrap();
        let made = beside(&mut there, |take| {
            let mut buffer = vec![0; PIECE];
            for number in 0..50_u8 {
                let length = PIECE - usize::from(number);
                buffer[..length].fill(number);
                here.update(&buffer[..length]);
                take(&mut buffer, length);
                assert_eq!(buffer.len(), PIECE);
            }
            "made"
        });
        assert_eq!(made, "made");
        assert_eq!(here.digest(), there.digest());
    }
}
