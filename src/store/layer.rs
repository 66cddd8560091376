//! Stores that change some of what another store does, for tests. A [`Layer`] forwards every call; an
//! implementation overrides one method, or what is done with every call.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::{
    Applied, AssetKey, Call, Created, HistoryKept, HistoryPage, Leased, Limits, Reply, Result, Selected, Store,
    StoreError, StoreTime, Taker,
};
use crate::model::{
    AssetEvent, AssetName, AssetState, EndReason, EventId, Grant, Millis, NewAsset, PlayerName, RevisionRow,
    Revocation, RoomName, Units,
};

/// A call to the inner store. It can be made several times, also after its caller is gone.
pub struct Forwarded<T> {
    pub(super) count: fn(&mut CallCounts),
    pub(super) make: Box<dyn Fn() -> BoxFuture<'static, Result<T>> + Send + Sync>,
}

impl<T> Forwarded<T> {
    /// Makes the call.
    pub fn make(&self) -> BoxFuture<'static, Result<T>> {
        (self.make)()
    }
}

/// The call to a method of the inner store, with its arguments first by value, then by reference, then by value.
macro_rules! forwarded {
    ($layer:ident.$method:ident($($first:ident),*; $($by:ident),*; $($arg:ident),*)) => {{
        let inner = Arc::clone($layer.inner());
        $(let $by = $by.to_owned();)*
        Forwarded {
            count: |calls| calls.$method += 1,
            make: Box::new(move || {
                let inner = Arc::clone(&inner);
                $(let $by = $by.clone();)*
                $(let $arg = $arg.clone();)*
                Box::pin(async move { inner.$method($($first,)* $(&$by,)* $($arg),*).await })
            }),
        }
    }};
}

pub(super) use forwarded;

/// Declares [`Layer`] and [`CallCounts`] for the methods of [`Store`], and implements [`Store`] for layers. `call`
/// and `key` come before the arguments of `changes`.
macro_rules! layer {
    (
        changes($call:ident, $key:ident) {
            $($change:ident($(&$of:ident: $of_type:ty,)* $($arg:ident: $type:ty),*) -> $changed:ty;)*
        }
        others { $($other:ident($(&$by:ident: $by_type:ty,)* $($with:ident: $with_type:ty),*) -> $found:ty;)* }
    ) => {
        /// How often each method of a store was called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[allow(missing_docs, reason = "the fields are the methods of Store")]
        pub struct CallCounts {
            $(pub $change: u64,)*
            $(pub $other: u64,)*
        }

        /// What differs from the inner store: a single method, or every call.
        #[async_trait]
        #[allow(missing_docs, reason = "most methods are those of Store")]
        pub trait Layer: Send + Sync + 'static {
            fn inner(&self) -> &Arc<dyn Store>;

            fn shared(&self) -> bool {
                self.inner().shared()
            }

            /// Runs every call.
            async fn run<T: Send + 'static>(&self, call: Forwarded<T>) -> Result<T> {
                call.make().await
            }

            /// Runs every call that carries a [`Call`].
            async fn run_change<T: Send + 'static>(
                &self,
                _: (Call, &AssetKey),
                call: Forwarded<Applied<T>>,
            ) -> Reply<T> {
                self.run(call).await
            }

            $(async fn $change(
                &self,
                $call: Call,
                $key: &AssetKey,
                $($of: &$of_type,)*
                $($arg: $type),*
            ) -> Reply<$changed> {
                let target = ($call, $key);
                self.run_change(target, forwarded!(self.$change($call; $key $(, $of)*; $($arg),*))).await
            })*

            $(async fn $other(&self, $($by: &$by_type,)* $($with: $with_type),*) -> Result<$found> {
                self.run(forwarded!(self.$other(; $($by),*; $($with),*))).await
            })*
        }

        #[async_trait]
        impl<L: Layer> Store for L {
            fn shared(&self) -> bool {
                Layer::shared(self)
            }

            fn limits(&self) -> Limits {
                self.inner().limits()
            }

            fn room_ttl(&self) -> Option<Duration> {
                self.inner().room_ttl()
            }

            $(async fn $change(
                &self,
                $call: Call,
                $key: &AssetKey,
                $($of: &$of_type,)*
                $($arg: $type),*
            ) -> Reply<$changed> {
                Layer::$change(self, $call, $key, $($of,)* $($arg),*).await
            })*

            $(async fn $other(&self, $($by: &$by_type,)* $($with: $with_type),*) -> Result<$found> {
                Layer::$other(self, $($by,)* $($with),*).await
            })*

            fn keeps_events(&self) -> bool {
                self.inner().keeps_events()
            }

            fn needs_marks(&self) -> bool {
                self.inner().needs_marks()
            }

            fn keeps_history(&self) -> HistoryKept {
                self.inner().keeps_history()
            }

            fn status(&self) -> Result<()> {
                self.inner().status()
            }

            async fn failed(&self) -> StoreError {
                self.inner().failed().await
            }

            async fn close(&self) -> Result<()> {
                self.inner().close().await
            }
        }
    };
}

layer! {
    changes(call, key) {
        create(&new: NewAsset,) -> Created;
        select(&players: [PlayerName], create: Option<Arc<NewAsset>>) -> Selected;
        release(&player: PlayerName, reason: EndReason) -> AssetState;
        confirm(&player: PlayerName, retake: bool) -> Leased;
        extend(&player: PlayerName, most: Millis) -> Leased;
        prolong(&players: [PlayerName],) -> AssetState;
        expire() -> AssetState;
        restock(n: Units, condition: Option<u64>) -> AssetState;
        reset() -> AssetState;
        remove_asset() -> AssetState;
    }
    others {
        remove_room(&room: RoomName,) -> ();
        asset(&key: AssetKey,) -> AssetState;
        snapshot(&room: RoomName,) -> Vec<AssetState>;
        revisions(&room: RoomName,) -> Vec<RevisionRow>;
        holders(&key: AssetKey, after_revision: Option<u64>, limit: usize) -> Vec<Grant>;
        held_by(&room: RoomName, &player: PlayerName,) -> Vec<(AssetName, u64)>;
        touch(&room: RoomName, now: Millis) -> ();
        revoke(&revocation: Revocation, now: Millis) -> ();
        revocations(now: Millis) -> Vec<Revocation>;
        mark(&room: RoomName, now: Millis) -> ();
        waiting_rooms(after: Option<RoomName>, limit: usize) -> Vec<RoomName>;
        take_events(&room: RoomName, taker: Taker, limit: usize) -> Vec<(AssetName, AssetEvent)>;
        acknowledge(&room: RoomName, &events: [EventId], now: Millis) -> ();
        history(&key: AssetKey, page: HistoryPage) -> Vec<AssetEvent>;
        clock() -> Option<StoreTime>;
        ping() -> ();
    }
}
