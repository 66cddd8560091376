use std::{collections::HashSet, fmt, mem};

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};

/// Digests of one generation. There are two: 64 bytes of memory each, or 1 MB of a key whose tokens are many.
const GENERATION: usize = 8192;

type Digest = [u8; 32];

/// The signatures that a key was found to have made lately, so that a player who comes back with the same token, or
/// shows it with each request over HTTP, costs no second verification. It knows them by their digests; a token's claims
/// are read each time.
#[derive(Default)]
pub(super) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    newer: HashSet<Digest>,
    older: HashSet<Digest>,
}

impl Verified {
    /// Whether `signature` belongs to `message`: as it was found before, else as `verify` finds. Only a right one is
    /// remembered.
    pub(super) fn or_verify(&self, message: &str, signature: &str, verify: impl FnOnce() -> bool) -> bool {
        // A base64url text has no dot, so no two pairs are one text.
        let digest = digest(&SHA256, format!("{message}.{signature}").as_bytes());
        let digest = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
        if self.0.lock().contains(&digest) {
            return true;
        }
        let right = verify();
        if right {
            self.0.lock().insert(digest);
        }
        right
    }
}

impl Generations {
    fn contains(&self, digest: &Digest) -> bool {
        self.newer.contains(digest) || self.older.contains(digest)
    }

    fn insert(&mut self, digest: Digest) {
        if self.newer.len() >= GENERATION {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(digest);
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it verified to find out, and what it found.
    fn ask(verified: &Verified, message: &str, signature: &str, right: bool) -> (bool, bool) {
        let mut asked = false;
        let found = verified.or_verify(message, signature, || {
            asked = true;
            right
        });
        (asked, found)
    }

    #[test]
    fn a_signature_is_verified_once_and_a_wrong_one_each_time() {
        let verified = Verified::default();
        assert_eq!(ask(&verified, "h.p", "s", true), (true, true));
        assert_eq!(ask(&verified, "h.p", "s", false), (false, true));
        for (message, signature) in [("h.p", "t"), ("h.q", "s"), ("h.p.s", "")] {
            assert_eq!(ask(&verified, message, signature, false), (true, false));
            assert_eq!(ask(&verified, message, signature, false), (true, false));
        }
    }

    #[test]
    fn it_forgets_the_oldest_and_stays_bounded() {
        let verified = Verified::default();
        for n in 0..3 * GENERATION {
            assert_eq!(ask(&verified, "m", &n.to_string(), true), (true, true));
        }
        let Generations { newer, older } = &*verified.0.lock();
        assert_eq!((newer.len(), older.len()), (GENERATION, GENERATION));
        let digest = digest(&SHA256, format!("m.{}", 3 * GENERATION - 1).as_bytes());
        assert!(newer.contains::<Digest>(&digest.as_ref().try_into().unwrap()));
    }
}
