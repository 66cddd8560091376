use std::collections::HashMap;

use super::{KeyId, TokenKey};

/// Keys by their ids.
#[derive(Debug, Default)]
pub(super) struct Keyring(HashMap<KeyId, TokenKey>);

impl Keyring {
    pub(super) fn get(&self, id: &str) -> Option<&TokenKey> {
        self.0.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Of two keys with one id the first counts.
impl FromIterator<TokenKey> for Keyring {
    fn from_iter<I: IntoIterator<Item = TokenKey>>(keys: I) -> Self {
        let mut by_id = HashMap::new();
        for key in keys {
            by_id.entry(key.id().clone()).or_insert(key);
        }
        Self(by_id)
    }
}
