use std::ops::Deref;

/// The answer to a changing call, by whether this call or an earlier copy of it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied<T> {
    /// The call was executed now. The answer shows the asset right after it.
    Now(T),
    /// The call is a retry: its `seq` was not newer than the last of its node. Nothing was changed now, and other
    /// changes may have followed the first execution.
    Repeat(T),
}

impl<T> Applied<T> {
    /// An answer that is a repeat if `repeat`.
    pub fn new(answer: T, repeat: bool) -> Self {
        if repeat { Self::Repeat(answer) } else { Self::Now(answer) }
    }

    /// Whether the call was executed before.
    pub fn is_repeat(&self) -> bool {
        matches!(self, Self::Repeat(_))
    }

    /// The answer itself.
    pub fn into_inner(self) -> T {
        match self {
            Self::Now(answer) | Self::Repeat(answer) => answer,
        }
    }

    /// Changes the answer, not whether it is a repeat.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Applied<U> {
        match self {
            Self::Now(answer) => Applied::Now(change(answer)),
            Self::Repeat(answer) => Applied::Repeat(change(answer)),
        }
    }
}

impl<T> Deref for Applied<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Now(answer) | Self::Repeat(answer) => answer,
        }
    }
}
