//! Test stores that change some of what another store does.

use std::{ops::Deref, time::Duration};

use asset_arbiter::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units},
    store::{Applied, Call, Created, Limits, Result, Selected, Store},
};
use async_trait::async_trait;
use futures::future::BoxFuture;

/// A store around another one.
pub struct Layered<L>(pub L);

impl<L> Deref for Layered<L> {
    type Target = L;

    fn deref(&self) -> &L {
        &self.0
    }
}

/// A call to the inner store. It can be made several times.
pub type Forwarded<'a, T> = &'a (dyn Fn() -> BoxFuture<'a, Result<T>> + Send + Sync);

/// What a changing call is about.
pub struct Target<'a> {
    pub call: Call,
    pub room: &'a RoomName,
    pub asset: &'a AssetName,
}

/// Declares [`Layer`], whose methods forward to the inner store, and implements [`Store`] with it.
macro_rules! layer {
    (
        changes($call:ident, $room:ident, $asset:ident) {
            $($change:ident($($arg:ident: $type:ty),*) -> $changed:ty;)*
        }
        others { $($other:ident($($of:ident: $kind:ty),*) -> $found:ty;)* }
    ) => {
        /// What differs from the inner store: a single method, or every call.
        #[async_trait]
        pub trait Layer: Send + Sync + 'static {
            fn inner(&self) -> &dyn Store;

            fn shared(&self) -> bool {
                self.inner().shared()
            }

            /// Runs every call.
            async fn run<T: Send>(&self, call: Forwarded<'_, T>) -> Result<T> {
                call().await
            }

            /// Runs every call that carries a [`Call`].
            async fn run_change<T: Send>(
                &self,
                _: Target<'_>,
                call: Forwarded<'_, Applied<T>>,
            ) -> Result<Applied<T>> {
                self.run(call).await
            }

            $(async fn $change(
                &self,
                $call: Call,
                $room: &RoomName,
                $asset: &AssetName,
                $($arg: $type),*
            ) -> Result<Applied<$changed>> {
                let target = Target { call: $call, room: $room, asset: $asset };
                self.run_change(target, &|| self.inner().$change($call, $room, $asset, $($arg),*)).await
            })*

            $(async fn $other(&self, $($of: $kind),*) -> Result<$found> {
                self.run(&|| self.inner().$other($($of),*)).await
            })*
        }

        #[async_trait]
        impl<L: Layer> Store for Layered<L> {
            fn shared(&self) -> bool {
                self.0.shared()
            }

            fn limits(&self) -> Limits {
                self.0.inner().limits()
            }

            fn room_ttl(&self) -> Option<Duration> {
                self.0.inner().room_ttl()
            }

            $(async fn $change(
                &self,
                $call: Call,
                $room: &RoomName,
                $asset: &AssetName,
                $($arg: $type),*
            ) -> Result<Applied<$changed>> {
                self.0.$change($call, $room, $asset, $($arg),*).await
            })*

            $(async fn $other(&self, $($of: $kind),*) -> Result<$found> {
                self.0.$other($($of),*).await
            })*
        }
    };
}

layer! {
    changes(call, room, asset) {
        create(units: Units) -> Created;
        select(players: &[PlayerName], create: Option<Units>) -> Selected;
        release(player: &PlayerName) -> AssetState;
        restock(n: Units, condition: Option<u64>) -> AssetState;
        remove_asset() -> AssetState;
    }
    others {
        remove_room(room: &RoomName) -> ();
        asset(room: &RoomName, asset: &AssetName) -> AssetState;
        snapshot(room: &RoomName) -> Vec<AssetState>;
        revisions(room: &RoomName) -> Vec<RevisionRow>;
        holders(room: &RoomName, asset: &AssetName, after_revision: Option<u64>, limit: usize) -> Vec<Grant>;
        held_by(room: &RoomName, player: &PlayerName) -> Vec<(AssetName, u64)>;
        touch(room: &RoomName, now: Millis) -> ();
        ping() -> ();
    }
}
