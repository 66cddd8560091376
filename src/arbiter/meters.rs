use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::{
    model::ErrorCode,
    store::{StoreError, StoreErrorCause},
};

/// The arbiter's metric handles, registered once, so that counting is one atomic operation.
pub(super) struct Meters {
    pub(super) rooms: Gauge,
    pub(super) select_seconds: Histogram,
    pub(super) batch_size: Histogram,
    pub(super) healed_readers: Counter,
    pub(super) gaps_repaired: Counter,
    pub(super) regressions: Counter,
    pub(super) queue_full: Counter,
    outcomes: [Counter; SelectOutcome::ALL.len()],
    calls: [CallMeters; StoreCall::ALL.len()],
}

struct CallMeters {
    seconds: Histogram,
    errors: [Counter; StoreErrorCause::ALL.len()],
}

/// An enum whose variants are the values of a metric's label.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name {
            $($variant,)*
        }

        impl $name {
            const ALL: [Self; [$($label),*].len()] = [$(Self::$variant),*];

            pub(super) fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

labels! {
    /// How a select ended.
    SelectOutcome {
        Granted = "granted",
        AlreadyHeld = "already_held",
        SoldOut = "sold_out",
        Reserved = "reserved",
        Cooldown = "cooldown",
        UnknownAsset = "unknown_asset",
        LimitReached = "limit_reached",
        StoreUnavailable = "store_unavailable",
        OutcomeUnknown = "outcome_unknown",
        Dropped = "dropped",
    }
}

labels! {
    /// A method of the store.
    StoreCall {
        Create = "create",
        Select = "select",
        Release = "release",
        Confirm = "confirm",
        Extend = "extend",
        Prolong = "prolong",
        Expire = "expire",
        Restock = "restock",
        Reset = "reset",
        RemoveAsset = "remove_asset",
        RemoveRoom = "remove_room",
        Asset = "asset",
        Snapshot = "snapshot",
        Revisions = "revisions",
        Holders = "holders",
        HeldBy = "held_by",
        Touch = "keep",
        Revoke = "revoke",
        Revocations = "revocations",
        Mark = "mark",
        WaitingRooms = "waiting_rooms",
        TakeEvents = "take_events",
        Acknowledge = "acknowledge",
        History = "history",
        Ping = "ping",
    }
}

impl SelectOutcome {
    pub(super) fn of_error(code: ErrorCode) -> Self {
        match code {
            ErrorCode::UnknownAsset => Self::UnknownAsset,
            ErrorCode::LimitReached => Self::LimitReached,
            ErrorCode::OutcomeUnknown => Self::OutcomeUnknown,
            _ => Self::StoreUnavailable,
        }
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            rooms: gauge!("asset_arbiter_rooms"),
            select_seconds: histogram!("asset_arbiter_select_duration_seconds"),
            batch_size: histogram!("asset_arbiter_batch_size"),
            healed_readers: counter!("asset_arbiter_healed_readers_total"),
            gaps_repaired: counter!("asset_arbiter_gaps_repaired_total"),
            regressions: counter!("asset_arbiter_regressions_total"),
            queue_full: counter!("asset_arbiter_queue_full_total"),
            outcomes: SelectOutcome::ALL
                .map(|it| counter!("asset_arbiter_selects_total", "outcome" => it.label())),
            calls: StoreCall::ALL.map(|call| CallMeters {
                seconds: histogram!("asset_arbiter_store_call_duration_seconds", "call" => call.label()),
                errors: StoreErrorCause::ALL.map(|cause| errors(call, cause)),
            }),
        }
    }

    pub(super) fn select(&self, outcome: SelectOutcome, took: Duration) {
        self.outcomes[outcome as usize].increment(1);
        self.select_seconds.record(took);
    }

    /// Records one answered store call.
    pub(super) fn store_call_answered(&self, call: StoreCall, took: Duration) {
        self.calls[call as usize].seconds.record(took);
    }

    /// Records one attempt of a store call.
    pub(super) fn store_call<T>(&self, call: StoreCall, took: Duration, answer: &Result<T, StoreError>) {
        self.store_call_answered(call, took);
        if let Err(error) = answer
            && error.kind().temporary()
        {
            self.calls[call as usize].errors[error.cause() as usize].increment(1);
        }
    }
}

fn errors(call: StoreCall, cause: StoreErrorCause) -> Counter {
    counter!("asset_arbiter_store_errors_total", "call" => call.label(), "kind" => cause.as_str())
}
