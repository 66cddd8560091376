/// How often each method of a store was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are the methods of Store")]
pub struct CallCounts {
    pub create: u64,
    pub select: u64,
    pub release: u64,
    pub restock: u64,
    pub remove_asset: u64,
    pub remove_room: u64,
    pub asset: u64,
    pub snapshot: u64,
    pub revisions: u64,
    pub holders: u64,
    pub held_by: u64,
    pub touch: u64,
    pub ping: u64,
}
